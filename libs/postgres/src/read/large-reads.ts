import { ReadError } from './read-error.js';

export interface LargeReadLimits {
  /** Answers that may be on their way at a time. */
  readonly streams: number;
  /** Connections that their COPYs may hold at a time. */
  readonly connections: number;
}

/** What large reads hold at the moment. */
export interface LargeReadUsage {
  streams: number;
  copying: number;
  waiting: number;
  limit: number;
}

/** Leave to be large. Both calls may be repeated. */
export interface LargeRead {
  /** The connection is back. */
  copied(): void;
  /** The answer is out, or broke off. */
  done(): void;
}

/**
 * Bounds the reads that outgrow memory: the answers under way, and the connections they copy from, so that the rest of
 * the pool stays free for small reads. First come, first served.
 */
export class LargeReads {
  private streams = 0;
  private copying = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly limits: LargeReadLimits) {}

  get usage(): LargeReadUsage {
    return { streams: this.streams, copying: this.copying, waiting: this.queue.length, limit: this.limits.streams };
  }

  /** Leave at once, or undefined: also when others have waited for it. */
  tryTake(): LargeRead | undefined {
    return this.queue.length === 0 && this.hasRoom() ? this.give() : undefined;
  }

  /** @throws ReadError `large reads busy` after so many milliseconds, `abandoned` when the signal is aborted */
  take(timeoutMs: number, signal?: AbortSignal): Promise<LargeRead> {
    const given = this.tryTake();
    if (given !== undefined) return Promise.resolve(given);
    return new Promise((resolve, reject) => {
      const leave = (error: ReadError): void => {
        this.queue.splice(this.queue.indexOf(turn), 1);
        over();
        reject(error);
      };
      const gone = (): void => leave(new ReadError('abandoned', 'the client went away'));
      const timer = setTimeout(() => leave(new ReadError('large reads busy', `no large answer ended within ${timeoutMs} ms`)), timeoutMs);
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', gone);
      };
      const turn = (): void => {
        over();
        resolve(this.give());
      };
      this.queue.push(turn);
      signal?.addEventListener('abort', gone, { once: true });
      if (signal?.aborted === true) gone();
    });
  }

  private hasRoom(): boolean {
    return this.streams < this.limits.streams && this.copying < this.limits.connections;
  }

  private give(): LargeRead {
    let copies = true;
    let streams = true;
    this.streams++;
    this.copying++;
    const copied = (): void => {
      if (!copies) return;
      copies = false;
      this.copying--;
      this.next();
    };
    const done = (): void => {
      copied();
      if (!streams) return;
      streams = false;
      this.streams--;
      this.next();
    };
    return { copied, done };
  }

  private next(): void {
    while (this.queue.length > 0 && this.hasRoom()) this.queue.shift()?.();
  }
}

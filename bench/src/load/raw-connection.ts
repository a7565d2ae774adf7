import net from 'node:net';

/**
 * One HTTP/1.1 connection that sends ready-made bytes and reads of an answer no more than its status and its length.
 * That takes half the processor time of node:http (18,000 small posts in 0.9 s instead of 1.6): on a machine with few
 * cores the generator competes with what it measures.
 */
export class RawConnection {
  private readonly socket: net.Socket;
  private rest: Buffer = Buffer.alloc(0);
  private reading: 'head' | 'body' | 'chunk size' = 'head';
  private remaining = 0;
  private chunked = false;
  private lastChunk = false;
  private status = 0;
  private leaves = false;
  private ended?: string;
  private waiting?: { readonly resolve: (status: number) => void; readonly reject: (error: Error) => void };

  constructor({ hostname, port }: URL) {
    this.socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.once('error', (error) => this.end(error.message));
    this.socket.once('close', () => this.end('the connection was closed'));
  }

  /** False once the server has closed it, or has said that it will. */
  get usable(): boolean {
    return this.ended === undefined && !this.leaves;
  }

  /** Sends a whole request; the one before must have been answered. @returns the status, when the answer is complete */
  request(bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) return reject(new Error(this.ended));
      this.waiting = { resolve, reject };
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private end(words: string): void {
    this.ended ??= words;
    this.waiting?.reject(new Error(words));
    this.waiting = undefined;
  }

  private read(chunk: Buffer): void {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (;;) {
      const taken = this.take(data);
      if (taken === 0) break;
      data = data.subarray(taken);
    }
    this.rest = data;
  }

  /** @returns how many bytes were understood; 0 = more are needed */
  private take(data: Buffer): number {
    if (data.length === 0) return 0;
    if (this.reading === 'body') {
      const taken = Math.min(this.remaining, data.length);
      this.remaining -= taken;
      if (this.remaining === 0) this.afterBody();
      return taken;
    }
    const mark = this.reading === 'head' ? '\r\n\r\n' : '\r\n';
    const end = data.indexOf(mark);
    if (end < 0) return 0;
    const text = data.toString('latin1', 0, end);
    if (this.reading === 'head') this.head(text);
    else this.chunk(Number.parseInt(text, 16));
    return end + mark.length;
  }

  private head(text: string): void {
    this.status = Number(text.slice(9, 12));
    this.leaves = /^connection: close/im.test(text);
    this.chunked = /^transfer-encoding: chunked/im.test(text);
    this.lastChunk = false;
    this.remaining = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
    this.reading = this.chunked ? 'chunk size' : 'body';
    if (!this.chunked && this.remaining === 0) this.afterBody();
  }

  private chunk(size: number): void {
    this.lastChunk = size === 0;
    this.remaining = size + 2; // the line break behind it
    this.reading = 'body';
  }

  private afterBody(): void {
    if (this.chunked && !this.lastChunk) {
      this.reading = 'chunk size';
      return;
    }
    this.reading = 'head';
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(this.status);
  }
}

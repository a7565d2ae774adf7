import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, Told } from './ledger.js';
import { post, toldBy, toldByError, type Answer } from './post.js';
import type { Random } from './random.js';

export interface LoadOptions {
  /** http://host:port */
  readonly url: string;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly writers: number;
  /** Lines of one request, at most. */
  readonly lines?: number;
  /** Which writers send an Idempotency-Key, and send again until they are acknowledged: all, every other one, or none. */
  readonly keyed?: 'all' | 'half' | 'none';
  /** Beside the writer's own, e.g. content-encoding. */
  readonly headers?: Record<string, string>;
}

/** An answer, or the lack of one, as a writer saw it. */
export interface Seen {
  /** performance.now() when it came. */
  readonly at: number;
  /** 0 when the connection ended first. */
  readonly status: number;
  readonly milliseconds: number;
  readonly retryAfter?: string;
  /** The `detail` of a problem. */
  readonly detail?: string;
  readonly told: Told;
}

/** 2030-01-01, and three days on: readings of several days, so that late ones touch older ones. */
const FIRST_SECOND = 1_893_456_000;
const SECONDS = 3 * 86_400;
const RETRY_MS = 20;

/** Writers that post one request after the other and write down in the ledger what they are told. */
export class Load {
  readonly seen: Seen[] = [];
  private readonly stopping = new AbortController();
  private readonly working: Promise<void>[];
  private readonly agent: http.Agent;

  constructor(private readonly options: LoadOptions) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: options.writers });
    this.working = Array.from({ length: options.writers }, (_, i) => this.write(i));
  }

  get acknowledged(): number {
    return this.seen.reduce((sum, { told }) => sum + (told === 'acknowledged' ? 1 : 0), 0);
  }

  /** Waits until so many more requests than now are acknowledged. @throws Error when they are not in time */
  async untilAcknowledged(more: number, withinMs: number): Promise<void> {
    const enough = this.acknowledged + more;
    for (const end = performance.now() + withinMs; this.acknowledged < enough; await sleep(5)) {
      if (performance.now() > end) throw new Error(`not ${more} acknowledged requests within ${withinMs} ms; last seen: ${JSON.stringify(this.seen.slice(-3))}`);
    }
  }

  /** Each writer ends with the answer it waits for; the keyed ones then send what is unknown until it is known. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.working);
    this.agent.destroy();
  }

  private async write(writer: number): Promise<void> {
    const { keyed = 'half', ledger } = this.options;
    const isKeyed = keyed === 'all' || (keyed === 'half' && writer % 2 === 0);
    const device = `writer-${writer}`;
    while (!this.stopping.signal.aborted) {
      const lines = this.newLines();
      const request = ledger.sending(device, lines);
      const key = isKeyed ? { 'idempotency-key': `${device}-${request}` } : undefined;
      let told = await this.send(request, device, lines, key);
      while (key !== undefined && told !== 'acknowledged') {
        // The service may be gone for good when the case is over: an unknown one is then left unknown.
        if (this.stopping.signal.aborted && (told === 'not-stored' || this.seen.at(-1)?.status === 0)) break;
        await this.pause();
        told = await this.send(request, device, lines, key, told);
      }
      if (told !== 'acknowledged') await this.pause();
    }
  }

  private pause(): Promise<unknown> {
    return sleep(this.options.random.between(RETRY_MS, 2 * RETRY_MS));
  }

  private newLines(): string[] {
    const { random, ledger, lines = 4 } = this.options;
    return Array.from({ length: random.between(1, lines) }, () => `${FIRST_SECOND + random.between(0, SECONDS)} ${random.oneOf(['Voltage', 'Current', 'Frequency'])} ${ledger.nextValue()}`);
  }

  private async send(request: number, device: string, lines: readonly string[], key: Record<string, string> | undefined, before?: Told): Promise<Told> {
    const begun = performance.now();
    const answer = await post(`${this.options.url}/data`, lines.join('\n'), { 'x-device-id': device, ...this.options.headers, ...key }, this.agent).catch((error: unknown) => error);
    const answered = isAnswer(answer);
    const now = answered ? toldBy(answer) : toldByError(answer);
    // Of two tries under one key the first may be stored although the second was not.
    const told = before === 'unknown' && now === 'not-stored' ? 'unknown' : now;
    this.options.ledger.told(request, told);
    this.seen.push({
      at: performance.now(),
      status: answered ? answer.status : 0,
      milliseconds: performance.now() - begun,
      retryAfter: answered ? answer.headers['retry-after'] : undefined,
      detail: answered ? (JSON.parse(answer.text) as { detail?: string }).detail : undefined,
      told: now,
    });
    return told;
  }
}

function isAnswer(answer: unknown): answer is Answer {
  return typeof (answer as Answer).status === 'number';
}

/**
 * Posts fresh lines until one is acknowledged.
 * @returns milliseconds from `since` (performance.now()) to the acknowledgement
 */
export async function untilAcknowledging(url: string, ledger: Ledger, since: number, withinMs: number): Promise<number> {
  for (let last: unknown; ; await sleep(10)) {
    const line = `${FIRST_SECOND} Fresh ${ledger.nextValue()}`;
    const request = ledger.sending('fresh', [line]);
    const answer = await post(`${url}/data`, line, { 'x-device-id': 'fresh' }).catch((error: unknown) => error);
    const told = isAnswer(answer) ? toldBy(answer) : toldByError(answer);
    ledger.told(request, told);
    last = isAnswer(answer) ? `${answer.status} ${answer.text}` : String(answer);
    if (told === 'acknowledged') return performance.now() - since;
    if (performance.now() - since > withinMs) throw new Error(`no line is acknowledged after ${withinMs} ms; last: ${String(last)}`);
  }
}

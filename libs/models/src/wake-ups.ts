import { closeAtOnce, connect } from '@ingot/postgres';
import type { Client } from 'pg';
import { BackOff } from './back-off.js';
import type { RunnerLog } from './runner-log.js';

export interface WakeUpsOptions {
  /** postgres:// URL. */
  readonly url: string;
  readonly log: RunnerLog;
  /** Another process asks for a run of a dataset within so many milliseconds. Absent: this process does not listen. */
  readonly onWake?: (dataset: string, withinMs: number) => void;
}

const CHANNEL = 'ingot_wake';
/**
 * A process sends no more than one message in this time, unless somebody waits. COMMIT of a NOTIFY takes a lock of the
 * whole server, assigns a transaction id and writes WAL; so it is never part of a flush, and does not wait for the disk.
 * Posts of 4 lines by 64 connections with and without it, eight rounds in turn: 2.2 k and 2.1 k a second, which is noise
 * (PostgreSQL 18, two cores that seven other builds shared).
 */
const SEND_EVERY_MS = 100;
/** An idle connection whose packets are dropped gives no error. */
const CHECK_EVERY_MS = 10_000;
const ANSWER_MS = 3_000;
const CLOSE_MS = 500;

/**
 * Wake-ups between the processes that work on one database, by NOTIFY on a session of their own beside the flushes. Best
 * effort: what is lost costs latency only, as every runner probes by itself every few seconds.
 */
export class WakeUps {
  private client: Client | undefined;
  /** What is still to be sent: dataset -> within how many milliseconds. */
  private readonly pending = new Map<string, number>();
  private sendTimer: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  private sentAt = -Infinity;
  private sending = false;
  private turn = Promise.resolve();
  private checkTimer: NodeJS.Timeout | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private readonly backOff = new BackOff();
  private closed = false;

  constructor(private readonly options: WakeUpsOptions) {}

  /** Connects in the background, and again whenever the session is lost. */
  start(): void {
    void this.open();
    this.checkTimer = setInterval(() => void this.ask('select 1'), CHECK_EVERY_MS);
    this.checkTimer.unref();
  }

  /** Asks the other processes to run a dataset within so many milliseconds; 0 = somebody waits for it. */
  send(dataset: string, withinMs: number): void {
    if (this.closed) return;
    this.pending.set(dataset, Math.min(withinMs, this.pending.get(dataset) ?? Infinity));
    this.sendAfter(withinMs === 0 ? 0 : Math.max(0, this.sentAt + SEND_EVERY_MS - performance.now()));
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.checkTimer);
    clearTimeout(this.retryTimer);
    clearTimeout(this.sendTimer?.timer);
    const { client } = this;
    this.client = undefined;
    if (client === undefined) return;
    const last = setTimeout(() => closeAtOnce(client), CLOSE_MS);
    await client.end().catch(() => undefined);
    clearTimeout(last);
  }

  private sendAfter(ms: number): void {
    const at = performance.now() + ms;
    if (this.sendTimer !== undefined && this.sendTimer.at <= at) return;
    clearTimeout(this.sendTimer?.timer);
    const timer = setTimeout(() => {
      this.sendTimer = undefined;
      void this.sendPending();
    }, ms);
    timer.unref();
    this.sendTimer = { at, timer };
  }

  /** What is asked for while a message is under way, or while there is no session, goes with the next. */
  private async sendPending(): Promise<void> {
    if (this.sending || this.client === undefined || this.pending.size === 0) return;
    const messages = [...this.pending].map(([dataset, withinMs]) => `${withinMs} ${dataset}`);
    this.pending.clear();
    this.sentAt = performance.now();
    this.sending = true;
    await this.ask('select pg_notify($1, message) from unnest($2::text[]) as message', [CHANNEL, messages]);
    this.sending = false;
    if (this.pending.size > 0) this.sendAfter([...this.pending.values()].includes(0) ? 0 : SEND_EVERY_MS);
  }

  private async open(): Promise<void> {
    try {
      const client = await connect({ url: this.options.url, name: 'ingot wake', settings: { synchronous_commit: 'off' }, connectTimeoutMs: ANSWER_MS });
      if (this.closed) return await client.end();
      client.once('end', () => this.lost(client));
      client.on('notification', ({ processId, payload }) => {
        if (processId !== (client as { processID?: number | null }).processID) this.received(payload ?? '');
      });
      this.client = client;
      if (this.options.onWake !== undefined) await this.ask(`listen ${CHANNEL}`);
      if (this.client !== client) return;
      this.backOff.succeeded();
      await this.sendPending();
    } catch {
      this.retry(); // whether the database can be reached is told by those who need it
    }
  }

  /** One statement after the other: the driver is to keep no queue. */
  private ask(text: string, values: unknown[] = []): Promise<void> {
    return (this.turn = this.turn.then(() => this.askNow(text, values)));
  }

  /** Never rejects: a session that does not answer is given up. */
  private async askNow(text: string, values: unknown[]): Promise<void> {
    const { client } = this;
    if (client === undefined) return;
    const timer = setTimeout(() => closeAtOnce(client), ANSWER_MS);
    try {
      await client.query(text, values);
    } catch (error) {
      this.options.log.debug({ err: error }, 'a wake-up was not sent');
      closeAtOnce(client);
    } finally {
      clearTimeout(timer);
    }
  }

  private received(message: string): void {
    const { ms, dataset } = /^(?<ms>\d{1,5}) (?<dataset>.+)$/s.exec(message)?.groups ?? {};
    if (dataset !== undefined) this.options.onWake?.(dataset, Number(ms));
  }

  private lost(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.retry();
  }

  private retry(): void {
    if (this.closed) return;
    this.backOff.failed();
    this.retryTimer = setTimeout(() => void this.open(), this.backOff.waitMs);
    this.retryTimer.unref();
  }
}

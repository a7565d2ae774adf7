import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Clients that post and read all the time through whatever processes serve at the moment, as behind a proxy: what fails
 * is sent again to the next, with the same key, until it is acknowledged. They keep a ledger of their own.
 */
export class Load {
  /** Seconds of the lines that were acknowledged; each is one line, and its value too. */
  readonly acknowledged: number[] = [];
  /** How often each status was answered, by `POST 200`. */
  readonly statuses: Record<string, number> = {};
  /** Answers that must not be. */
  readonly faults: string[] = [];
  /** Answers without `Ingot-Stale`, which showed what was acknowledged before. */
  freshReads = 0;
  /** Nothing new is sent meanwhile. */
  isPaused = false;
  private second = 1_900_000_000;
  private stopped = false;
  private readonly clients: Promise<void>[] = [];

  /** @param urls asked at each attempt: where requests may go */
  constructor(private readonly urls: () => readonly string[]) {}

  start(posters: number, readers: number): void {
    for (let i = 0; i < posters; i++) this.clients.push(this.repeat(() => this.post()));
    for (let i = 0; i < readers; i++) this.clients.push(this.repeat(() => this.read()));
  }

  /** Every line sent is acknowledged by then. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  /** So many more lines are acknowledged, by whoever serves now. */
  async more(lines: number): Promise<void> {
    const goal = this.acknowledged.length + lines;
    for (const end = Date.now() + 60_000; this.acknowledged.length < goal; await sleep(10)) if (Date.now() > end) throw new Error(`no ${lines} lines in 60 s: ${JSON.stringify(this.statuses)}`);
  }

  private async repeat(request: () => Promise<void>): Promise<void> {
    for (; !this.stopped; await sleep(10)) if (!this.isPaused) await request();
  }

  private async post(): Promise<void> {
    const second = this.second++;
    const headers = { 'content-type': 'text/plain', 'idempotency-key': randomUUID() };
    for (let attempt = 0; ; attempt++) {
      const response = await this.send(attempt, '/data', { method: 'POST', body: `${second} Voltage ${second}`, headers });
      if (response?.status === 200) break;
      if (attempt > 1_000) return void this.faults.push(`line ${second} was never taken`);
      await sleep(20);
    }
    this.acknowledged.push(second);
  }

  /** Read-your-writes, whichever process took the line and whichever is asked, and wherever that one reads. */
  private async read(): Promise<void> {
    const second = this.acknowledged.at(-1 - Math.floor(Math.random() * 10));
    if (second === undefined) return;
    const time = new Date(second * 1_000).toISOString();
    const response = await this.send(Math.floor(Math.random() * 10), `/data?from=${time}&to=${time}&name=Voltage`, {});
    if (response?.status !== 200 || response.headers.get('ingot-stale') !== null) return;
    const rows = JSON.parse(response.text) as { value: number }[];
    if (rows.length !== 1 || rows[0]?.value !== second) this.faults.push(`GET of ${second} gave ${response.text}`);
    this.freshReads++;
  }

  /** undefined when there was no answer. */
  private async send(attempt: number, target: string, request: RequestInit): Promise<{ status: number; headers: Headers; text: string } | undefined> {
    const urls = this.urls();
    try {
      const response = await fetch(`${urls[attempt % urls.length]}${target}`, request);
      const { status, headers } = response;
      const text = await response.text();
      const name = `${request.method ?? 'GET'} ${status}`;
      this.statuses[name] = (this.statuses[name] ?? 0) + 1;
      const mayBe = status < 500 || (status === 503 && Number(headers.get('retry-after')) > 0);
      if (!mayBe) this.faults.push(`${name}: ${text}`);
      return { status, headers, text };
    } catch {
      return undefined; // refused, reset or cut: sent again
    }
  }
}

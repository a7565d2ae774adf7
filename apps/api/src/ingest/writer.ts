import { closeAtOnce, connect, type SessionOptions } from '@ingot/postgres';
import type { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The first try is short, so that a server that hangs is soon known to. One that is always given up too early would never
 * succeed over a slow line, or while everybody logs in at once after an outage; one that is too long would sit in a black
 * hole when the way is open again.
 */
const FIRST_CONNECT_MS = 1_000;
const MOST_CONNECT_MS = 3_000;
/** A database that is gone is tried this often; a refused connection costs less than a millisecond. */
const RECONNECT_MS = 200;

/**
 * An acknowledgement means fsync: where the server or the role has `synchronous_commit = off`, these sessions do not. Set
 * in any case: what a session has set itself does not follow when the server reads its configuration again.
 */
const DURABLE = `select set_config('synchronous_commit', case value when 'off' then 'on' else value end, false) as value from current_setting('synchronous_commit') as value`;

/** With `synchronous_commit` as the session has it. */
async function connectDurably(options: SessionOptions): Promise<{ client: Client; synchronousCommit: string }> {
  const client = await connect(options);
  try {
    const { rows } = await client.query<{ value: string }>(DURABLE);
    return { client, synchronousCommit: rows[0]!.value };
  } catch (error) {
    closeAtOnce(client);
    throw error;
  }
}

export interface WriterEvents {
  /** A connection is up: flushes may start. */
  connected: () => void;
  /** A connection could not be made: nothing can be stored for now. */
  unreachable: (error: unknown) => void;
}

/** One connection that flushes go through, made again in the background whenever it is lost. */
export class Writer {
  /** Undefined while there is no connection. */
  client?: Client;
  busy = false;
  /** Of the last connection there was. */
  synchronousCommit?: string;
  private closed = false;

  constructor(
    private readonly session: SessionOptions,
    private readonly events: WriterEvents,
  ) {}

  /** Connects, and goes on trying until it is closed. */
  async start(): Promise<void> {
    for (let limit = FIRST_CONNECT_MS; !this.closed; limit = Math.min(limit + FIRST_CONNECT_MS, MOST_CONNECT_MS)) {
      try {
        const { client, synchronousCommit } = await connectDurably({ ...this.session, connectTimeoutMs: limit });
        if (this.closed) return closeAtOnce(client);
        this.synchronousCommit = synchronousCommit;
        client.once('end', () => this.lose(client));
        this.client = client;
        this.events.connected();
        return;
      } catch (error) {
        if (this.closed) return;
        this.events.unreachable(error);
        await sleep(RECONNECT_MS, undefined, { ref: false });
      }
    }
  }

  /** Gives up the connection, whatever it is doing, and makes another. */
  drop(): void {
    if (this.client !== undefined) this.lose(this.client);
  }

  async close(): Promise<void> {
    this.closed = true;
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private lose(client: Client): void {
    if (this.client !== client) return; // given up before
    this.client = undefined;
    closeAtOnce(client);
    if (!this.closed) void this.start();
  }
}

/**
 * One session for a piece of work that must be over at `until` (performance.now()): then the socket is closed and
 * whatever waits on it rejects as a lost connection.
 */
export async function withSession<T>(options: SessionOptions, until: number, work: (client: Client) => Promise<T>): Promise<T> {
  const left = (): number => Math.max(1, until - performance.now());
  const { client } = await connectDurably({ ...options, connectTimeoutMs: Math.min(options.connectTimeoutMs ?? 5_000, left()) });
  const timer = setTimeout(() => closeAtOnce(client), left());
  try {
    return await work(client);
  } finally {
    clearTimeout(timer);
    closeAtOnce(client);
  }
}

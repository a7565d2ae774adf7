import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from '@ingot/testing';
import type { CopyRead, CopyRequest } from '../src/read/copy-read.js';
import { ReadRepository, type ReadOptions } from '../src/read/read-repository.js';

const AS_CSV = "(format csv, quote E'\\x01', delimiter E'\\x02')";

export interface LogLine {
  level: string;
  fields: Record<string, unknown>;
  message: string;
}

/** Read repositories over one test database, with what they log; closed by close(). */
export class Reads {
  readonly logged: LogLine[] = [];
  private readonly open: ReadRepository[] = [];

  constructor(private readonly database: TestDatabase) {}

  repository(options: Partial<ReadOptions> = {}): ReadRepository {
    const log = (level: string) => (fields: object, message: string) => void this.logged.push({ level, fields: fields as Record<string, unknown>, message });
    const made = new ReadRepository({
      url: this.database.url, name: 'ingot read', min: 0, max: 2, acquireTimeoutMs: 300, transactionSeconds: 2, slowMs: 10_000,
      log: { debug: log('debug'), warn: log('warn'), error: log('error') }, ...options,
    });
    this.open.push(made);
    return made;
  }

  /** Read sessions that do something. */
  async busy(): Promise<number> {
    const rows = await this.database.query<{ n: number }>("select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'ingot read' and state <> 'idle'");
    return rows[0]?.n ?? -1;
  }

  async close(): Promise<void> {
    await Promise.all(this.open.splice(0).map((repository) => repository.close()));
  }
}

/** Each row as a line of text behind a comma. */
export function request(query: string, more: Partial<CopyRequest> = {}): CopyRequest {
  return {
    name: 'test', relations: [], query,
    copy: () => `copy (select ',' || q::text from (${query}) q) to stdout ${AS_CSV}`, ...more,
  };
}

export const kilobytes = (count: number): string => `select repeat('x', 1000) from generate_series(1, ${count})`;

/** All of it, between `[` and `]` and without the first comma. */
export async function text(read: CopyRead): Promise<string> {
  return `[${Buffer.concat((await read.toArray()) as Buffer[]).toString().slice(1)}]`;
}

/** Milliseconds until the condition holds. */
export async function until(condition: () => Promise<boolean> | boolean, withinMs: number): Promise<number> {
  const start = performance.now();
  while (!(await condition())) {
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms`);
    await sleep(10);
  }
  return performance.now() - start;
}

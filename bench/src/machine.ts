import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Client } from 'pg';

/** What the figures were measured on, as words for a table. */
export type Machine = Readonly<Record<string, string>>;

const SETTINGS = ['shared_buffers', 'wal_buffers', 'max_wal_size', 'synchronous_commit', 'fsync', 'full_page_writes', 'max_parallel_workers_per_gather', 'jit'];

/** @param client a session on the server that was measured */
export async function describeMachine(client: Client): Promise<Machine> {
  const { rows } = await client.query<{ name: string; setting: string }>('select name, current_setting(name) as setting from pg_settings where name = any($1) order by name', [SETTINGS]);
  const { rows: version } = await client.query<{ version: string }>('select version()');
  return {
    processor: `${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${os.availableParallelism()} cores`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: distribution(),
    load_at_the_end: os.loadavg().map((load) => load.toFixed(1)).join(', '),
    Node: process.version,
    PostgreSQL: version[0]?.version.split(' on ')[0] ?? 'unknown',
    PostgreSQL_settings: rows.map(({ name, setting }) => `${name}=${setting}`).join(', '),
  };
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.type();
  } catch {
    return `${os.type()} ${os.release()}`;
  }
}

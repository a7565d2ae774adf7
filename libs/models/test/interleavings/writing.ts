import { once } from 'node:events';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { World } from './world.js';

/** One line as it comes in, and the device it comes from. */
export interface Line {
  readonly device: string | null;
  readonly text: string;
}

/** The numbers an action may make something of; each action takes those it needs. */
export interface Choice {
  readonly who: number;
  readonly lines: readonly Line[];
  readonly maxRows: number;
  /** Before which of its statements a run or an apply is interrupted. */
  readonly at: number;
  /** What happens there. */
  readonly inside: string;
}

/** Something that may happen to a database. */
export interface Action {
  readonly name: string;
  /** How often beside the others. */
  readonly weight: number;
  readonly isAllowed: (world: World, choice: Choice) => boolean;
  readonly do: (world: World, choice: Choice) => Promise<void>;
}

const writer = ({ writers }: World, { who }: Choice): Client => writers[who % writers.length]!;
const always = (): boolean => true;

async function begun(world: World, choice: Choice): Promise<Client> {
  const client = writer(world, choice);
  if (!world.open.has(client)) await client.query('begin');
  world.open.add(client);
  return client;
}

async function end(world: World, choice: Choice, how: 'commit' | 'rollback'): Promise<void> {
  const client = writer(world, choice);
  await client.query(how);
  world.open.delete(client);
}

/** As ingest does it: the ledger's row, then the lines by COPY. */
async function flush(client: Client, lines: readonly Line[]): Promise<void> {
  await client.query(`insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', $1)`, [lines.length]);
  const copy = client.query(copyFrom(`copy bronze.raw (device, line) from stdin (format csv, delimiter '|')`));
  copy.end(lines.map(({ device, text }) => `${device ?? ''}|"${text}"\n`).join(''));
  await once(copy, 'finish');
}

const flushAction: Action = {
  name: 'flush',
  weight: 6,
  isAllowed: always,
  async do(world, choice) {
    const client = writer(world, choice);
    if (world.open.has(client)) return flush(client, choice.lines);
    await client.query('begin');
    await flush(client, choice.lines);
    await client.query('commit');
  },
};

/** Stays open until its writer commits or rolls back: rows of a lower transaction id that come late. */
const openFlush: Action = {
  name: 'flush that stays open',
  weight: 4,
  isAllowed: always,
  do: async (world, choice) => flush(await begun(world, choice), choice.lines),
};

const byHand: Action = {
  name: 'insert by hand',
  weight: 2,
  isAllowed: always,
  async do(world, choice) {
    await writer(world, choice).query('insert into bronze.raw (device, line) select * from unnest($1::text[], $2::text[])', [choice.lines.map(({ device }) => device), choice.lines.map(({ text }) => text)]);
  },
};

/** Part of a transaction is undone: the rows carry the id of the whole one. */
const savepoint: Action = {
  name: 'savepoint rolled back',
  weight: 1,
  isAllowed: always,
  async do(world, choice) {
    const client = await begun(world, choice);
    await client.query('savepoint s');
    await flush(client, choice.lines);
    await client.query('rollback to s');
    await flush(client, choice.lines.slice(0, 1));
  },
};

const commit: Action = {
  name: 'commit',
  weight: 4,
  isAllowed: (world, choice) => world.open.has(writer(world, choice)),
  do: (world, choice) => end(world, choice, 'commit'),
};

const rollback: Action = {
  name: 'rollback',
  weight: 1,
  isAllowed: (world, choice) => world.open.has(writer(world, choice)),
  do: (world, choice) => end(world, choice, 'rollback'),
};

export const WRITING: readonly Action[] = [flushAction, openFlush, byHand, savepoint, commit, rollback];

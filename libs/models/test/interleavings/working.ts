import { sqlState } from '@ingot/postgres';
import type { Client } from 'pg';
import { apply, rebuild } from '../../src/apply.js';
import { adoptCluster } from '../../src/cluster-identity.js';
import { maintain } from '../../src/maintenance.js';
import { requestReplay } from '../../src/quarantine/replays.js';
import { run } from '../../src/run.js';
import { CHANGES, interleavedDataset } from './project.js';
import { interrupted, type World } from './world.js';
import { WRITING, type Action, type Choice } from './writing.js';

const always = (): boolean => true;

/** What one run says, or nothing when another session held what it needed. */
async function runOnce(world: World, client: Client, maxRows: number): Promise<void> {
  await run(client, await world.plan(client), { maxRows });
}

const runAction: Action = {
  name: 'run',
  weight: 8,
  isAllowed: always,
  do: (world, choice) => disturbed(world, choice, (client) => runOnce(world, client, choice.maxRows)),
};

/** Entries are asked for, whether or not they would pass now. */
const replay: Action = {
  name: 'ask for a replay',
  weight: 2,
  isAllowed: always,
  do: async (world) => void (await requestReplay(world.judge, world.dataset, 'all')),
};

/** Models computed anew beside the live ones, in chunks of two rows or of all. */
const rebuildAction: Action = {
  name: 'rebuild',
  weight: 3,
  isAllowed: always,
  async do(world, choice) {
    const tables = world.dataset.models.filter(({ materialized, relation }) => materialized !== 'view' && !BY_ARRIVAL.includes(relation));
    const chosen = tables[(choice.at + choice.who) % tables.length]!;
    world.log.push(`    ${chosen.relation}`);
    await disturbed(world, choice, (client) => rebuild(client, world.dataset, [chosen.relation], undefined, { chunkRows: choice.maxRows }));
  },
};

/** What they hold depends on the runs that took the lines, which a rebuild does not repeat. */
const BY_ARRIVAL = ['silver.arrivals', 'silver.arrived'];

const applyAction: Action = {
  name: 'apply changed files',
  weight: 3,
  isAllowed: always,
  async do(world, choice) {
    const names = Object.keys(CHANGES);
    const change = names[(choice.at + choice.who) % names.length]!;
    const limits = (['first', 'looser', 'tighter'] as const)[choice.lines.length % 3]!;
    const dataset = await interleavedDataset(change, limits);
    world.log.push(`    ${change}, rules: ${limits}`);
    await disturbed(world, choice, (client) => apply(client, dataset, undefined, { chunkRows: choice.maxRows }));
    const [row] = await world.db.query<{ code_hash: string }>('select code_hash from ingot.datasets');
    if (row?.code_hash === dataset.codeHash) world.changed(dataset);
  },
};

/**
 * A dump restored on another cluster, as the engine meets it: the stored transaction ids are far above or far below the
 * server's counter, and transactions under way when it was taken are not in it.
 */
const restore: Action = {
  name: 'restore on another cluster',
  weight: 1,
  isAllowed: always,
  async do(world, choice) {
    for (const client of world.open) await client.query('rollback');
    world.open.clear();
    const { judge } = world;
    const { rows } = await judge.query<{ lowest: string | null }>('select min(ingest_xid) as lowest from (select ingest_xid from bronze.raw union all select ingest_xid from bronze.flushes) as stored');
    const lowest = Number(rows[0]?.lowest ?? 1);
    const shift = Math.max([-100_000_000, -3, 5, 100_000_000][choice.at % 4]!, 1 - lowest); // no server ever gave out an id below 1
    world.log.push(`    shifted by ${shift}`);
    await judge.query(`begin;
      update bronze.raw set ingest_xid = ingest_xid + (${shift});
      update bronze.flushes set ingest_xid = ingest_xid + (${shift});
      update ingot.quarantine set input_xid = input_xid + (${shift}), input_row = case when input_row ? 'ingest_xid' then jsonb_set(input_row, '{ingest_xid}', to_jsonb((input_row ->> 'ingest_xid')::bigint + (${shift}))) else input_row end;
      update ingot.shadow_quarantine set input_xid = input_xid + (${shift}), input_row = case when input_row ? 'ingest_xid' then jsonb_set(input_row, '{ingest_xid}', to_jsonb((input_row ->> 'ingest_xid')::bigint + (${shift}))) else input_row end;
      update ingot.datasets set snapshot_xmax = snapshot_xmax + (${shift}), snapshot_xip = array(select x + (${shift}) from unnest(snapshot_xip) as x);
      update ingot.shadows set mark_xmax = mark_xmax + (${shift}), mark_xip = array(select x + (${shift}) from unnest(mark_xip) as x);
      update ingot.cluster set system_identifier = 1;
      commit`);
    await adoptCluster(judge);
  },
};

const maintenance: Action = {
  name: 'maintenance',
  weight: 1,
  isAllowed: always,
  do: async (world) => void (await maintain(world.judge, world.dataset, { historyDays: 30 }).catch(ignoreLockTimeout)),
};

/** Does the work on a session of its own; before one of its statements, something else happens. */
async function disturbed(world: World, choice: Choice, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await world.runner(0);
  await interrupted(world, client, choice.at, () => intrude(world, choice, client), () => work(client));
}

async function intrude(world: World, choice: Choice, victim: Client): Promise<'go on' | 'die'> {
  world.log.push(`    before statement ${choice.at}: ${choice.inside}`);
  const action = WRITING.find(({ name }) => name === choice.inside);
  if (action?.isAllowed(world, choice)) await action.do(world, choice);
  if (choice.inside === 'the server ends it') await world.kill(victim);
  if (choice.inside === 'its process dies') (victim as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  if (choice.inside === 'another run') {
    const other = await world.runner(1);
    await other.query('set lock_timeout = 50'); // the one that waits here may hold a lock
    await runOnce(world, other, choice.maxRows).catch(ignoreLockTimeout);
  }
  return choice.inside === 'the server ends it' || choice.inside === 'its process dies' ? 'die' : 'go on';
}

function ignoreLockTimeout(error: unknown): void {
  if (sqlState((error as { cause?: unknown }).cause ?? error) !== '55P03') throw error;
}

export const WORKING: readonly Action[] = [runAction, replay, rebuildAction, applyAction, restore, maintenance];
/** What may happen between two statements of a run, a rebuild or an apply. */
export const INSIDE: readonly string[] = ['nothing', 'the server ends it', 'its process dies', 'another run', ...WRITING.map(({ name }) => name)];

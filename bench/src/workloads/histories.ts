import { loadDatasets, type Dataset } from '@ingot/datasets';
import { migrate } from '@ingot/db';
import { apply, DatasetRunner } from '@ingot/models';
import { connect, createPool } from '@ingot/postgres';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import type { Client } from 'pg';
import type { Stage } from '../workload.js';

const SIZES = { quick: [100_000, 500_000], full: [100_000, 1_000_000, 5_000_000, 20_000_000] };
const DAYS = 400;
const BATCH = 1_000_000;
// Those of the service's own server.
const SETTINGS = { max_wal_size: '2GB', checkpoint_timeout: '15min', wal_buffers: '16MB' };

/** A database with so many rows in it, and the runner that the service would have for it. */
export interface History {
  readonly rows: number;
  /** postgres:// URL. */
  readonly url: string;
  readonly dataset: Dataset;
  readonly client: Client;
  readonly runner: DatasetRunner;
}

/** Databases of one server that hold 400 days each, the smallest first; made side by side, which takes the time of the largest. */
export function histories(stage: Stage): Promise<History[]> {
  return stage.shared('histories', async (shared) => {
    const [dataset] = await loadDatasets('sql');
    if (dataset === undefined) throw new Error('there is no dataset');
    const cluster = await startTestCluster({ durable: true, settings: SETTINGS });
    shared.atEnd(() => cluster.stop());
    const sizes = shared.quick ? SIZES.quick : SIZES.full;
    const all: History[] = [];
    for (const rows of sizes) all.push(await makeDatabase(shared, cluster, dataset, rows));
    const [largest, ...others] = [...all].reverse();
    await Promise.all([fill(shared, largest!), fillAll(shared, others)]);
    return all;
  });
}

async function makeDatabase(stage: Stage, cluster: TestCluster, dataset: Dataset, rows: number): Promise<History> {
  const name = `history_${rows}`;
  const admin = await connect({ url: cluster.url, name: 'ingot bench' });
  await admin.query(`create database ${name}`).finally(() => admin.end());
  const place = new URL(cluster.url);
  place.pathname = name;
  const url = place.toString();
  await migrate(url);
  const client = await connect({ url, name: 'ingot bench', settings: { jit: 'off' } });
  stage.atEnd(() => client.end());
  await apply(client, dataset, () => undefined, { readSeconds: 10 });
  const fail = (details: object, message: string): never => {
    throw new Error(`${message} ${JSON.stringify(details)}`);
  };
  const pool = createPool({ url, name: 'ingot bench run', max: 3, settings: { jit: 'off' }, acquireTimeoutMs: 5_000, onError: () => undefined });
  stage.atEnd(() => pool.end());
  const runner = new DatasetRunner({ pool, dataset, maxRows: BATCH, historyDays: 30, log: { debug: () => undefined, info: () => undefined, warn: fail, error: fail } });
  stage.atEnd(() => runner.close());
  return { rows, url, dataset, client, runner };
}

async function fillAll(stage: Stage, all: readonly History[]): Promise<void> {
  for (const history of all) await fill(stage, history);
}

/** As years of use would have: in order of time, run after run; the next part is written while one is transformed. */
async function fill(stage: Stage, { rows, client, runner }: History): Promise<void> {
  const since = performance.now();
  let run: Promise<void> = Promise.resolve();
  for (let from = 0; from < rows; from += BATCH) {
    await insertLines(client, { from, count: Math.min(BATCH, rows - from), of: rows, days: DAYS });
    await run;
    run = runner.tick();
  }
  await run;
  const { rows: found } = await client.query<{ count: string }>('select count(*) from silver.stg_readings');
  if (Number(found[0]?.count) !== rows) throw new Error(`the history of ${rows} rows has ${found[0]?.count}`);
  // Also bronze: while the first VACUUM of so much is under way, no run can summarise the index by which new rows are found.
  await client.query('vacuum analyze bronze.raw_readings, silver.stg_readings, silver.int_daily_metric, gold.mart_daily_power');
  stage.say(`history of ${rows.toLocaleString('en-US')} rows, made in ${Math.round((performance.now() - since) / 1000)} s`);
}

/** Part of a series: `count` lines from `from` on, of `of` lines that are spread evenly over so many days. */
export interface LinesPart {
  readonly from?: number;
  readonly count: number;
  readonly of?: number;
  readonly days: number;
}

/** SELECT of one column `line`, as devices send them; parameters by linesParameters(). */
export const LINES = `
  select (1649894400 + i::bigint * $4::bigint * 86400 / $3::bigint)::text || case i % 2 when 0 then ' Voltage ' else ' Current ' end || (10 + (i % 997) / 100.0)::text as line
  from generate_series($1::int, $1::int + $2::int - 1) as i`;

export function linesParameters({ from = 0, count, of = count, days }: LinesPart): number[] {
  return [from, count, of, days];
}

/** Lines in bronze as a flush writes them. */
export async function insertLines(client: Client, part: LinesPart): Promise<void> {
  await client.query(`insert into bronze.raw_readings (line) ${LINES}`, linesParameters(part));
}

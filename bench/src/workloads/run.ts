import { loadDatasets, type Dataset } from '@ingot/datasets';
import { migrate } from '@ingot/db';
import { apply, DatasetRunner } from '@ingot/models';
import { connect, createPool } from '@ingot/postgres';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import type { Client } from 'pg';
import { bareRun, makeBareTables } from '../contenders/bare-run.js';
import { quantile } from '../statistics.js';
import type { Contender, Prepared, Stage, Workload } from '../workload.js';

const NEW_ROWS = 100_000;
const HISTORIES = { quick: [100_000, 1_000_000], full: [100_000, 1_000_000, 5_000_000, 20_000_000] };
const DAYS_OF_HISTORY = 400;
const IDLE_TICKS = 20;

/** One run over 100,000 new rows, over histories of several sizes: does the cost follow the new rows? */
export const run: Workload = {
  id: 'run',
  title: 'One run over 100,000 new rows of one day',
  figures: [{ name: 'ms', better: 'lower' }, { name: 'idle tick ms', better: 'lower' }],
  targets: [
    { against: 'over 100,000 rows of history', ratio: 1.2 },
    { against: "the models' bare SQL", ratio: 1.5 },
  ],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 5, quick: 2 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const [dataset] = await loadDatasets('sql');
  if (dataset === undefined) throw new Error('there is no dataset');
  const cluster = await startTestCluster({ durable: true });
  stage.atEnd(() => cluster.stop());
  const sizes = [...(stage.quick ? HISTORIES.quick : HISTORIES.full)].reverse();
  const histories: History[] = [];
  for (const rows of sizes) {
    stage.say(`history of ${rows.toLocaleString('en-US')} rows`);
    histories.push(await makeHistory(stage, cluster, dataset, rows));
  }
  const largest = histories[0]!;
  await makeBareTables(largest.client, dataset);
  const named = (i: number): string => (i === 0 ? `Ingot over ${sizes[0]!.toLocaleString('en-US')} rows of history` : `over ${sizes[i]!.toLocaleString('en-US')} rows of history`);
  return {
    contenders: [
      ...histories.map((history, i): Contender => ({ name: named(i), measure: () => oneRun(history, 1) })),
      { name: "the models' bare SQL", note: 'over copies of the tables of the largest history, the new rows in a table of their own; one transaction', measure: () => bare(largest.client, dataset) },
      { name: 'new rows of sixty days', note: 'over the largest history', measure: () => oneRun(largest, 60) },
    ],
    notCompared: [],
  };
}

/** A database with so many rows in it, and the runner that the service would have for it. */
interface History {
  readonly client: Client;
  readonly runner: DatasetRunner;
}

async function makeHistory(stage: Stage, cluster: TestCluster, dataset: Dataset, rows: number): Promise<History> {
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
  const runner = new DatasetRunner({ pool, dataset, maxRows: 1_000_000, historyDays: 30, log: { debug: () => undefined, info: () => undefined, warn: fail, error: fail } });
  stage.atEnd(() => runner.close());
  for (let from = 0; from < rows; from += 1_000_000) {
    await insertLines(client, Math.min(1_000_000, rows - from), DAYS_OF_HISTORY);
    await runner.tick();
  }
  await client.query('vacuum analyze silver.stg_readings, silver.int_daily_metric, gold.mart_daily_power');
  return { client, runner };
}

/** Lines in bronze as a flush writes them, their times spread over so many days. */
async function insertLines(client: Client, rows: number, days: number): Promise<void> {
  await client.query(
    `insert into bronze.raw_readings (line)
     select (1649894400 + ((i::bigint * 7919) % ($2::bigint * 86400)))::text || case i % 2 when 0 then ' Voltage ' else ' Current ' end || (10 + (i % 997) / 100.0)::text from generate_series(1, $1::int) as i`,
    [rows, days],
  );
}

/** The rows are there; from the tick that finds them to the end of the run that took them. */
async function oneRun({ client, runner }: History, days: number): Promise<Record<string, number>> {
  await insertLines(client, NEW_ROWS, days);
  const since = performance.now();
  await runner.tick();
  const ms = performance.now() - since;
  const { rows } = await client.query<{ taken: string }>('select rows_in as taken from ingot.runs order by id desc limit 1');
  if (Number(rows[0]?.taken) !== NEW_ROWS) throw new Error(`the run took ${rows[0]?.taken} rows`);
  const ticks: number[] = [];
  for (let i = 0; i < IDLE_TICKS; i++) {
    const start = performance.now();
    await runner.tick();
    ticks.push(performance.now() - start);
  }
  return { ms, 'idle tick ms': quantile(ticks, 0.5) };
}

async function bare(client: Client, dataset: Dataset): Promise<Record<string, number>> {
  await client.query('create table if not exists bare.fresh as select * from bronze.raw_readings with no data; truncate bare.fresh');
  await client.query(
    `insert into bare.fresh (id, ingest_xid, line)
     select i, 0, (1649894400 + ((i::bigint * 7919) % 86400))::text || case i % 2 when 0 then ' Voltage ' else ' Current ' end || (10 + (i % 997) / 100.0)::text from generate_series(1, $1::int) as i`,
    [NEW_ROWS],
  );
  const statements = bareRun(dataset, 'bare.fresh');
  const since = performance.now();
  await client.query(['begin', ...statements, 'commit'].join(';\n'));
  return { ms: performance.now() - since };
}

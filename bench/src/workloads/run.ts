import { bareRun, makeBareTables } from '../contenders/bare-run.js';
import { quantile } from '../statistics.js';
import type { Contender, Prepared, Round, Stage, Workload } from '../workload.js';
import { histories, insertLines, LINES, linesParameters, type History } from './histories.js';

const NEW_ROWS = 100_000;
const IDLE_TICKS = 20;
/** Copying the largest history would take a minute. */
const BARE_ROWS = 1_000_000;
const NAMES = { all: 'Ingot', bare: "the models' bare SQL" };
const over = (rows: number): string => `over ${rows.toLocaleString('en-US')} rows of history`;

/** One run over 100,000 new rows, over histories of several sizes: does the cost follow the new rows? */
export const run: Workload = {
  id: 'run',
  title: 'One run over 100,000 new rows of one day',
  figures: [{ name: 'ms', better: 'lower' }, { name: 'idle tick ms', better: 'lower' }],
  targets: [
    { against: over(100_000), ratio: 1.2 },
    { against: NAMES.bare, ratio: 1.5 },
  ],
  limits: [{ contender: NAMES.all, figure: 'idle tick ms', value: 5 }],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 4, quick: 2 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  stage.say('making histories');
  const all = await histories(stage);
  const [largest, ...smaller] = [...all].reverse();
  const copied = all.find(({ rows }) => rows === BARE_ROWS) ?? largest!;
  await makeBareTables(copied.client, copied.dataset);
  return {
    amount: over(largest!.rows),
    contenders: [
      { name: NAMES.all, measure: () => oneRun(largest!, 1) },
      ...smaller.map((history): Contender => ({ name: over(history.rows), measure: () => oneRun(history, 1) })),
      { name: NAMES.bare, note: `${over(copied.rows)}, in copies of the tables, the new rows in a table of their own; one transaction`, measure: () => bare(copied) },
      { name: 'new rows of sixty days', own: true, measure: () => oneRun(largest!, 60) },
    ],
    notCompared: [],
  };
}

/** The rows are there; from the tick that finds them to the end of the run that took them. */
async function oneRun({ client, runner }: History, days: number): Promise<Round> {
  await insertLines(client, { count: NEW_ROWS, days });
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

async function bare({ client, dataset }: History): Promise<Round> {
  await client.query('create table if not exists bare.fresh as select * from bronze.raw_readings with no data; truncate bare.fresh');
  await client.query(`insert into bare.fresh (id, ingest_xid, line) select row_number() over (), 0, line from (${LINES}) as new`, linesParameters({ count: NEW_ROWS, days: 1 }));
  const statements = bareRun(dataset, 'bare.fresh');
  const since = performance.now();
  await client.query(['begin', ...statements, 'commit'].join(';\n'));
  return { ms: performance.now() - since };
}

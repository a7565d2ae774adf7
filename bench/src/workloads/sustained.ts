import type { Client } from 'pg';
import { openSession, startIngot, type IngotService } from '../contenders/ingot.js';
import { closedLoop } from '../load/closed-loop.js';
import { openLoop } from '../load/open-loop.js';
import { movingSensorLines } from '../sensor-lines.js';
import { quantile } from '../statistics.js';
import type { Prepared, Round, Stage, Workload } from '../workload.js';
import { residentMegabytes } from './start-up.js';

const LINES = 1_000;
const PROBE_EVERY_MS = 250;
const HALF_SECONDS = 30;

/** Bulk posts, counted when gold covers them; meanwhile a probe posts a line now and then and looks until silver shows it. */
export const sustained: Workload = {
  id: 'sustained',
  title: 'Sustained POST to gold, 1,000 lines a request',
  figures: [{ name: 'lines/s', better: 'higher' }, { name: 'visible p50 ms', better: 'lower' }, { name: 'visible p99 ms', better: 'lower' }, { name: 'service RSS MB', better: 'lower' }],
  targets: [],
  limits: [
    { contender: 'Ingot at its peak', figure: 'lines/s', value: 300_000 },
    { contender: 'at half of it', figure: 'visible p99 ms', value: 500 },
  ],
  seconds: { full: 60, quick: 5 },
  rounds: { full: 1, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const ingot = await startIngot(stage);
  const client = await openSession(stage, ingot.databaseUrl);
  const body = movingSensorLines(LINES);
  const url = `${ingot.url}/data`;
  /** Lines a second that reach gold; more can be posted, and waits then. */
  let peak = 0;
  let sent = 0;
  const atPeak = async (seconds: number): Promise<number> => {
    const load = await closedLoop({ url, connections: 8, seconds, body, sent, headers: { 'content-type': 'text/plain' }, folder: stage.folder });
    ({ sent } = load);
    return load.perSecond * seconds * LINES;
  };
  const atHalf = async (seconds: number): Promise<number> => {
    const { answered, failed } = await openLoop({ requests: [{ url, body, sent }], perSecond: peak / LINES / 2, seconds, connections: 8 });
    sent += answered + failed;
    return answered * LINES;
  };
  return {
    contenders: [
      {
        name: 'Ingot at its peak',
        note: 'from the first POST until gold covers the last acknowledged line',
        async measure(seconds) {
          const measured = await round(ingot, client, () => atPeak(seconds));
          peak = measured['lines/s'] ?? peak;
          return measured;
        },
      },
      { name: 'at half of it', own: true, note: `for ${HALF_SECONDS} s`, measure: (seconds) => round(ingot, client, () => atHalf(Math.min(seconds, HALF_SECONDS))) },
    ],
    notCompared: [],
  };
}

/** @param post applies the load, and gives the number of lines that were acknowledged */
async function round(ingot: IngotService, client: Client, post: () => Promise<number>): Promise<Round> {
  const since = performance.now();
  let over = false;
  const probing = probe(ingot.url, client, () => over);
  const posted = await post().finally(() => (over = true));
  const memory = residentMegabytes(ingot.pid);
  await untilCovered(ingot.url);
  const seconds = (performance.now() - since) / 1000;
  const visible = await probing;
  return { 'lines/s': posted / seconds, 'visible p50 ms': quantile(visible, 0.5), 'visible p99 ms': quantile(visible, 0.99), 'service RSS MB': memory };
}

let serial = 0;

/** From the acknowledgement of a line to its row in silver, in milliseconds, once every quarter of a second. */
async function probe(url: string, client: Client, isOver: () => boolean): Promise<number[]> {
  const found: number[] = [];
  while (!isOver()) {
    const second = 4_000_000_000 + process.pid * 1_000 + serial++;
    const response = await fetch(`${url}/data`, { method: 'POST', body: `${second} Probe 1`, headers: { 'content-type': 'text/plain' } });
    if (!response.ok) throw new Error(`the probe was refused: ${response.status}`);
    await response.arrayBuffer();
    const acknowledged = performance.now();
    while (!(await isVisible(client, second))) await new Promise((resolve) => setTimeout(resolve, 5));
    found.push(performance.now() - acknowledged);
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  return found;
}

async function isVisible(client: Client, second: number): Promise<boolean> {
  const { rowCount } = await client.query('select from silver.stg_readings where reading_time = to_timestamp($1)', [second]);
  return (rowCount ?? 0) > 0;
}

/** Until an answer covers what was acknowledged before it was asked for. */
export async function untilCovered(url: string): Promise<void> {
  for (const end = Date.now() + 300_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const response = await fetch(`${url}/data?from=2000-01-01&to=2000-01-02`);
    await response.arrayBuffer();
    if (response.ok && response.headers.get('ingot-stale') === null) return;
  }
  throw new Error('what was acknowledged was not transformed within five minutes');
}

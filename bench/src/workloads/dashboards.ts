import { startIngot } from '../contenders/ingot.js';
import { closedLoop } from '../load/closed-loop.js';
import { openLoop, type OpenRequest } from '../load/open-loop.js';
import { sensorLines } from '../sensor-lines.js';
import type { Contender, Prepared, Stage, Workload } from '../workload.js';
import { untilCovered } from './sustained.js';

const BATCH = 100_000;
const DAYS = 365;
const READS_PER_SECOND = 50;
const LINES = Buffer.from(sensorLines(4));

/** Charts over a day, a month and a year, last values and small ranges, by 32 connections, while devices post at half the rate they could. */
export const dashboards: Workload = {
  id: 'dashboards',
  title: `Dashboard reads, ${READS_PER_SECOND} a second on 32 connections, while devices post at half their peak rate`,
  figures: [{ name: 'p99 ms', better: 'lower' }, { name: 'p50 ms', better: 'lower' }],
  targets: [],
  seconds: { full: 10, quick: 3 },
  rounds: { full: 2, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const readings = stage.quick ? 200_000 : 1_000_000;
  const ingot = await startIngot(stage);
  for (let from = 0; from < readings; from += BATCH) {
    const body = sensorLines(BATCH, { days: DAYS, from, of: readings });
    const response = await fetch(`${ingot.url}/data`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  }
  await untilCovered(ingot.url);
  const peak = await closedLoop({ url: `${ingot.url}/data`, connections: 64, seconds: 3, body: LINES, headers: { 'content-type': 'text/plain' }, folder: stage.folder });
  const half = Math.round(peak.perSecond / 2);
  stage.say(`devices post ${half} times a second meanwhile`);
  const reads = (paths: readonly string[]): OpenRequest[] => paths.map((path) => ({ url: `${ingot.url}${path}` }));
  const under = (name: string, paths: readonly string[]): Contender => ({
    name,
    async measure(seconds) {
      const posting = openLoop({ requests: [{ url: `${ingot.url}/data`, body: LINES.toString() }], perSecond: half, seconds, connections: 64 });
      const reading = openLoop({ requests: reads(paths), perSecond: READS_PER_SECOND, seconds, connections: 32 });
      const [{ p50Ms, p99Ms }] = await Promise.all([reading, posting]);
      return { 'p50 ms': p50Ms, 'p99 ms': p99Ms };
    },
  });
  const day = '/series?from=2022-04-14&to=2022-04-14';
  const month = '/series?from=2022-04-14&to=2022-05-13';
  const year = '/series?from=2022-04-14&to=2023-04-13';
  const small = '/data?from=2022-05-01T10:00:00Z&to=2022-05-01T10:10:00Z';
  return {
    contenders: [
      under('Ingot, the mix', [day, month, year, '/latest', small]),
      under('/series of a day', [day]),
      under('/series of a month', [month]),
      under('/series of a year', [year]),
      under('/latest', ['/latest']),
      under('/data of ten minutes', [small]),
    ],
    notCompared: [],
  };
}

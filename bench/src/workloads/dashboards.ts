import { closedLoop } from '../load/closed-loop.js';
import { failedPercent, openLoop } from '../load/open-loop.js';
import { sensorLines } from '../sensor-lines.js';
import type { Contender, Prepared, Stage, Workload } from '../workload.js';
import { DAYS, storedReadings } from './stored-readings.js';
import { untilCovered } from './sustained.js';

const READS_PER_SECOND = 50;
/** Of days after those that are read: what is read stays as large as it is. */
const POSTED = sensorLines(4, { days: 1, from: DAYS + 1, of: 1 });

/** Charts over a day, a month and a year, last values and small ranges, by 32 connections, while devices post at half the rate they could. */
export const dashboards: Workload = {
  id: 'dashboards',
  title: `Dashboard reads, ${READS_PER_SECOND} a second on 32 connections, while devices post at half their peak rate`,
  figures: [{ name: 'p99 ms', better: 'lower' }, { name: 'p50 ms', better: 'lower' }, { name: 'failed %', better: 'lower' }, { name: 'POST p99 ms', better: 'lower' }],
  targets: [],
  seconds: { full: 6, quick: 3 },
  rounds: { full: 1, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const { ingot, amount } = await storedReadings(stage);
  const url = `${ingot.url}/data`;
  const peak = await closedLoop({ url, connections: 64, seconds: 3, body: Buffer.from(POSTED), headers: { 'content-type': 'text/plain' }, folder: stage.folder });
  const half = Math.round(peak.perSecond / 2);
  stage.say(`devices post ${half} times a second meanwhile`);
  const under = (name: string, paths: readonly string[], own?: true): Contender => ({
    name,
    ...(own === undefined ? { note: `an answer waits until what was posted before it was asked for is in it; ${half.toLocaleString('en-US')} posts of 4 lines a second meanwhile` } : { own }),
    async measure(seconds) {
      await untilCovered(ingot.url);
      const posting = openLoop({ requests: [{ url, body: POSTED }], perSecond: half, seconds, connections: 64 });
      const reading = openLoop({ requests: paths.map((path) => ({ url: `${ingot.url}${path}` })), perSecond: READS_PER_SECOND, seconds, connections: 32 });
      const [reads, posts] = await Promise.all([reading, posting]);
      if (reads.failure !== undefined) stage.say(`${name}: ${reads.failed} failed: ${reads.failure}`);
      if (posts.failure !== undefined) stage.say(`posts meanwhile: ${posts.failed} failed: ${posts.failure}`);
      return { 'p50 ms': reads.p50Ms, 'p99 ms': reads.p99Ms, 'failed %': failedPercent(reads), 'POST p99 ms': posts.p99Ms };
    },
  });
  const day = '/series?from=2022-05-01&to=2022-05-01';
  const month = '/series?from=2022-05-01&to=2022-05-31';
  const year = '/series?from=2022-04-14&to=2023-04-13';
  const small = '/data?from=2022-05-01T10:00:00Z&to=2022-05-01T10:10:00Z';
  return {
    amount,
    contenders: [
      under('Ingot, the mix', [day, month, year, '/latest', small]),
      under('/series of a day', [day], true),
      under('/series of a month', [month], true),
      under('/series of a year', [year], true),
      under('/latest', ['/latest'], true),
      under('/data of ten minutes', [small], true),
    ],
    notCompared: [],
  };
}

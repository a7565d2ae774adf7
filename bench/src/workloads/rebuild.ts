import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSession, startIngot } from '../contenders/ingot.js';
import { closedLoop } from '../load/closed-loop.js';
import { openLoop } from '../load/open-loop.js';
import { runProcess } from '../process.js';
import { sensorLines } from '../sensor-lines.js';
import type { Prepared, Stage, Workload } from '../workload.js';
import { untilCovered } from './sustained.js';

const CLI = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../apps/cli/src/main.js');
const LINES = 1_000_000;
const POSTED = sensorLines(4);
const POSTING_SECONDS = { quick: 10, full: 60 };

/** All of silver and gold computed anew beside the live tables while devices go on posting. */
export const rebuild: Workload = {
  id: 'rebuild',
  title: 'Rebuild of silver and gold while devices post at half their peak rate',
  figures: [{ name: 'rows/s', better: 'higher' }, { name: 'POST p99 ms meanwhile', better: 'lower' }],
  targets: [],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 1, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const rows = (stage.quick ? 1 : 20) * LINES;
  const ingot = await startIngot(stage);
  const client = await openSession(stage, ingot.databaseUrl);
  stage.say(`history of ${rows.toLocaleString('en-US')} rows`);
  for (let from = 0; from < rows; from += LINES) {
    await client.query(
      `insert into bronze.raw_readings (line)
       select (1649894400 + ((i::bigint * 7919) % (400 * 86400)))::text || case i % 2 when 0 then ' Voltage ' else ' Current ' end || (10 + (i % 997) / 100.0)::text from generate_series($1::int, $2::int) as i`,
      [from, from + LINES - 1],
    );
  }
  await untilCovered(ingot.url);
  const url = `${ingot.url}/data`;
  const peak = await closedLoop({ url, connections: 64, seconds: 3, body: Buffer.from(POSTED), headers: { 'content-type': 'text/plain' }, folder: stage.folder });
  const post = (seconds: number) => openLoop({ requests: [{ url, body: POSTED }], perSecond: Math.round(peak.perSecond / 2), seconds, connections: 64 });
  const seconds = stage.quick ? POSTING_SECONDS.quick : POSTING_SECONDS.full;
  return {
    contenders: [
      {
        name: 'Ingot',
        note: 'from the command to the published tables',
        async measure() {
          const posting = post(seconds);
          const since = performance.now();
          await runProcess(process.execPath, [CLI, 'rebuild', '*'], { DATABASE_URL: ingot.databaseUrl, INGOT_LOG_LEVEL: 'warn' });
          const rebuilt = (performance.now() - since) / 1000;
          return { 'rows/s': rows / rebuilt, 'POST p99 ms meanwhile': (await posting).p99Ms };
        },
      },
      { name: 'posts without a rebuild', measure: async () => ({ 'POST p99 ms meanwhile': (await post(seconds)).p99Ms }) },
    ],
    notCompared: [],
  };
}

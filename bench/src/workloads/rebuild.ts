import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startIngot } from '../contenders/ingot.js';
import { closedLoop } from '../load/closed-loop.js';
import { failedPercent, openLoop, type OpenResult } from '../load/open-loop.js';
import { runProcess } from '../process.js';
import { sensorLines } from '../sensor-lines.js';
import type { Prepared, Round, Stage, Workload } from '../workload.js';
import { histories } from './histories.js';
import { untilCovered } from './sustained.js';

const CLI = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../apps/cli/src/main.js');
const ROWS = { quick: 500_000, full: 5_000_000 };
const POSTED = sensorLines(4);
/** Posts are measured in parts of so many seconds, one after the other until the rebuild has ended. */
const PART_SECONDS = 5;

/** All of silver and gold computed anew beside the live tables while devices go on posting. */
export const rebuild: Workload = {
  id: 'rebuild',
  title: 'Rebuild of silver and gold while devices post at half their peak rate',
  figures: [{ name: 'rows/s', better: 'higher' }, { name: 'POST p99 ms', better: 'lower' }, { name: 'POST p50 ms', better: 'lower' }, { name: 'failed POSTs %', better: 'lower' }],
  targets: [],
  warmUp: false,
  seconds: { full: 10, quick: 5 },
  rounds: { full: 1, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const rows = stage.quick ? ROWS.quick : ROWS.full;
  const history = (await histories(stage)).find((one) => one.rows === rows)!;
  await history.runner.close(); // from here on the service has the runs
  const ingot = await startIngot(stage, { DATABASE_URL: history.url, HOST: '127.0.0.1', INGOT_AUTH: 'off' });
  await untilCovered(ingot.url);
  const { rows: counted } = await history.client.query<{ count: string }>('select count(*) from bronze.raw_readings');
  const url = `${ingot.url}/data`;
  const peak = await closedLoop({ url, connections: 64, seconds: 3, body: Buffer.from(POSTED), headers: { 'content-type': 'text/plain' }, folder: stage.folder });
  const half = Math.round(peak.perSecond / 2);
  const post = (seconds: number): Promise<OpenResult> => openLoop({ requests: [{ url, body: POSTED }], perSecond: half, seconds, connections: 64 });
  return {
    amount: `${rows.toLocaleString('en-US')} rows of history, ${half.toLocaleString('en-US')} posts of 4 lines a second`,
    contenders: [
      {
        name: 'Ingot, no rebuild',
        measure: async (seconds) => postFigures([await post(seconds)]),
      },
      {
        name: 'Ingot, a rebuild meanwhile',
        own: true,
        note: 'rows of the history, from the command to the published tables; of the p99s of each five seconds the highest',
        async measure() {
          await untilCovered(ingot.url);
          const parts: OpenResult[] = [];
          let over = false;
          const posting = (async () => {
            while (!over) parts.push(await post(PART_SECONDS));
          })();
          const since = performance.now();
          await runProcess(process.execPath, [CLI, 'rebuild', '*'], { DATABASE_URL: history.url, INGOT_LOG_LEVEL: 'warn' }).finally(() => (over = true));
          const seconds = (performance.now() - since) / 1000;
          await posting;
          return { 'rows/s': Number(counted[0]?.count) / seconds, ...postFigures(parts) };
        },
      },
    ],
    notCompared: [],
  };
}

function postFigures(parts: readonly OpenResult[]): Round {
  return {
    'POST p99 ms': Math.max(...parts.map(({ p99Ms }) => p99Ms)),
    'POST p50 ms': Math.max(...parts.map(({ p50Ms }) => p50Ms)),
    'failed POSTs %': Math.max(...parts.map(failedPercent)),
  };
}

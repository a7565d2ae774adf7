import { connect, joinOrStartEmbedded } from '@ingot/postgres';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { losses } from './check.js';
import { describeMachine, type Machine } from './machine.js';
import { measure, type WorkloadResult } from './measure.js';
import { readOptions, USAGE, type Options } from './options.js';
import { markdown, type Report } from './report.js';
import { onStage } from './stage.js';
import type { Workload } from './workload.js';
import { postBulk } from './workloads/post-bulk.js';
import { postSmall } from './workloads/post-small.js';
import { dashboards } from './workloads/dashboards.js';
import { read } from './workloads/read.js';
import { rebuild } from './workloads/rebuild.js';
import { run } from './workloads/run.js';
import { startUp } from './workloads/start-up.js';
import { storage } from './workloads/storage.js';
import { sustained } from './workloads/sustained.js';

const WORKLOADS: readonly Workload[] = [postSmall, postBulk, sustained, run, read, dashboards, rebuild, startUp, storage];
const COMMITTED = path.join('docs', 'benchmarks.json');

// Progress goes to stderr; stdout is the report alone.
const say = (words: string): void => void process.stderr.write(`${words}\n`);

async function bench(options: Options, args: readonly string[]): Promise<number> {
  const chosen = WORKLOADS.filter(({ id }) => options.only.length === 0 || options.only.includes(id));
  const results: WorkloadResult[] = [];
  for (const workload of chosen) {
    say(`\n${workload.title}`);
    const seconds = options.quick ? workload.seconds.quick : workload.seconds.full;
    const rounds = options.rounds ?? (options.quick ? workload.rounds.quick : workload.rounds.full);
    results.push(await onStage(options.quick, say, async (stage) => measure(workload, await workload.prepare(stage), rounds, seconds, say)));
  }
  const report: Report = { command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '), finishedAt: new Date().toISOString(), machine: await machineOf(), results };
  const tables = markdown(report, WORKLOADS);
  if (options.markdown === undefined) process.stdout.write(tables);
  else writeFileSync(options.markdown, tables);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return options.check ? check(results) : 0;
}

/** Asked of a server as the service starts it, because its settings are part of the figures. */
function machineOf(): Promise<Machine> {
  return onStage(true, say, async (stage) => {
    const server = await joinOrStartEmbedded({ dataDir: path.join(stage.folder, 'server') });
    if ('stop' in server) stage.atEnd(() => server.stop());
    const client = await connect({ url: server.url, name: 'ingot bench' });
    stage.atEnd(() => client.end());
    return describeMachine(client);
  });
}

function check(results: readonly WorkloadResult[]): number {
  const committed = (JSON.parse(readFileSync(COMMITTED, 'utf8')) as Report).results;
  const lost = losses(committed, results, new Map(WORKLOADS.map(({ id, figures }) => [id, figures[0].better])));
  for (const line of lost) say(`slower: ${line}`);
  if (lost.length === 0) say(`no ratio is more than 25 % worse than those of ${COMMITTED}`);
  return lost.length === 0 ? 0 : 1;
}

const args = process.argv.slice(2);
let options: Options;
try {
  options = readOptions(args, WORKLOADS.map(({ id }) => id));
  if (options.check && !existsSync(COMMITTED)) throw new Error(`--check: there is no ${COMMITTED} to compare with; --json ${COMMITTED} makes it`);
} catch (error) {
  say(`${(error as Error).message}\n\n${USAGE}`);
  process.exit(2);
}
process.exit(await bench(options, args));

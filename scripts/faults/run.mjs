import { randomInt } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runJest } from '../set-up/jest.mjs';

const USAGE = `npm run test:faults -- [options]
  --long          200 kills of the service, 50 of PostgreSQL, outages of a minute; about half an hour
  --only 1,3      these cases only
  --seed n        the random choices of an earlier run
  --report file   write the figures as a page there`;

const REPORTER = fileURLToPath(new URL('./reporter.mjs', import.meta.url));

/** Runs the cases with jest; the last line is `N passed, N failed`, the exit code is jest's. */
export async function runFaults(args) {
  let values;
  try {
    ({ values } = parseArgs({ args, options: { long: { type: 'boolean', default: false }, only: { type: 'string' }, seed: { type: 'string' }, report: { type: 'string' } } }));
    for (const [name, pattern] of [['only', /^\d+(,\d+)*$/], ['seed', /^\d{1,10}$/]]) {
      if (values[name] !== undefined && !pattern.test(values[name])) throw new Error(`--${name} ${values[name]}: must be ${name === 'only' ? 'numbers of cases, with commas between them' : 'a whole number'}`);
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const { removeAbandonedClusters } = await import('../../dist/libs/testing/src/test-cluster.js');
  removeAbandonedClusters();
  Object.assign(process.env, {
    INGOT_TEST_FAULTS_FOLDER: mkdtempSync(path.join(tmpdir(), 'ingot-fault-figures-')),
    INGOT_TEST_FAULTS_SEED: values.seed ?? String(randomInt(2 ** 31)),
    INGOT_TEST_FAULTS_COMMAND: ['npm run test:faults', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    ...(values.long ? { INGOT_TEST_FAULTS_LONG: '1' } : {}),
    ...(values.only === undefined ? {} : { INGOT_TEST_FAULTS_ONLY: values.only }),
    ...(values.report === undefined ? {} : { INGOT_TEST_FAULTS_REPORT: values.report }),
  });
  const only = values.only === undefined ? [] : ['--testNamePattern', `\\bcase (${values.only.replaceAll(',', '|')}):`];
  runJest(['--config', 'apps/api/faults/jest.config.mjs', `--reporters=${REPORTER}`, ...only]);
}

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const REPORTER = fileURLToPath(new URL('./jest-count.mjs', import.meta.url));

/** Runs jest with the given arguments; the last line is `N passed, N failed`, the exit code is jest's. */
export function runJest(args) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-count-'));
  const file = path.join(folder, 'count');
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', path.join('node_modules', 'jest', 'bin', 'jest.js')];
  const jest = spawn(process.execPath, [...node, '--reporters=default', `--reporters=${REPORTER}`, ...args], {
    stdio: 'inherit',
    env: { ...process.env, INGOT_TEST_COUNT_FILE: file },
  });
  // Ctrl-C reaches jest by itself; a signal to us alone does not.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest.kill(signal));
  jest.once('exit', (code) => {
    let line = code === 0 ? '0 passed, 0 failed' : '0 passed, 1 failed'; // it did not come to running any
    try {
      line = readFileSync(file, 'utf8');
    } catch {
      // as above
    }
    rmSync(folder, { recursive: true, force: true });
    process.stdout.write(`${line}\n`);
    process.exitCode = code ?? 1;
  });
}

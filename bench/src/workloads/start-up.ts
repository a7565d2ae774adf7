import { existsSync, lstatSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { startIngot } from '../contenders/ingot.js';
import type { Prepared, Stage, Workload } from '../workload.js';

/** What it costs to have it: time to ready, memory when idle, disk of what is installed. */
export const startUp: Workload = {
  id: 'start-up',
  title: 'Start to ready with an initialised data folder, idle memory, installed size',
  figures: [{ name: 'start s', better: 'lower' }, { name: 'idle RSS MB', better: 'lower' }, { name: 'installed MB', better: 'lower' }],
  targets: [],
  limits: [{ contender: 'Ingot', figure: 'start s', value: 2 }],
  warmUp: false,
  seconds: { full: 1, quick: 1 },
  rounds: { full: 3, quick: 1 },
  async prepare(stage: Stage): Promise<Prepared> {
    const installed = installedBytes() / 1e6;
    const first = await startIngot(stage);
    await first.stop();
    return {
      contenders: [
        {
          name: 'Ingot',
          note: 'the service and its embedded PostgreSQL; memory is that of the service process 1 s after it is ready; installed are its own files and all packages that it needs to run, PostgreSQL among them',
          async measure() {
            const ingot = await startIngot(stage);
            await new Promise((resolve) => setTimeout(resolve, 1_000));
            const memory = residentMegabytes(ingot.pid);
            await ingot.stop();
            return { 'start s': ingot.startSeconds, 'idle RSS MB': memory, 'installed MB': installed };
          },
        },
      ],
      notCompared: [],
    };
  },
};

/** Of a process, from /proc; NaN where there is none. */
export function residentMegabytes(pid: number): number {
  try {
    return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024) / 1e6;
  } catch {
    return Number.NaN;
  }
}

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/** What a user gets: dist/ and the packages that are not for development. */
function installedBytes(): number {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;
  const needed = Object.entries(packages).flatMap(([name, { dev }]) => (name !== '' && dev !== true && existsSync(name) ? [name] : []));
  return ['dist', ...needed].reduce((sum, name) => sum + bytesIn(name), 0);
}

/** Without packages within it: they have a place in the lock file themselves. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + bytesIn(name);
    return sum + lstatSync(name).size;
  }, 0);
}

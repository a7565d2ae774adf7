import { readFileSync, readdirSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { startIngot } from '../contenders/ingot.js';
import type { Prepared, Stage, Workload } from '../workload.js';

/** What it costs to have it: time to ready, memory when idle, disk of what is installed. */
export const startUp: Workload = {
  id: 'start-up',
  title: 'Start to ready with an initialised data folder, idle memory, installed size',
  figures: [{ name: 'start s', better: 'lower' }, { name: 'idle RSS MB', better: 'lower' }, { name: 'installed MB', better: 'lower' }],
  targets: [],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 5, quick: 2 },
  async prepare(stage: Stage): Promise<Prepared> {
    const installed = sizeOf('node_modules') / 1e6;
    const first = await startIngot(stage);
    await first.stop();
    return {
      contenders: [
        {
          name: 'Ingot',
          note: 'the service and its embedded PostgreSQL; memory is that of the service process 1 s after it is ready',
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
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1000;
  } catch {
    return Number.NaN;
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const name = path.join(folder, entry.name);
    return sum + (entry.isDirectory() ? sizeOf(name) : lstatSync(name).size);
  }, 0);
}

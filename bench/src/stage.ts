import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Stage } from './workload.js';

/** A stage with a folder under the system's temporary one; everything that was put on its list ends with it, also on Ctrl-C. */
export async function onStage<T>(quick: boolean, say: (words: string) => void, work: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-bench-'));
  chmodSync(folder, 0o755); // started by root, a PostgreSQL runs as somebody else and must get through
  const ends: (() => Promise<void> | void)[] = [];
  const end = async (): Promise<void> => {
    for (const last of ends.splice(0).reverse()) await Promise.resolve(last()).catch((error: unknown) => say(`ending: ${String(error)}`));
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  const interrupted = (): void => void end().then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await work({ folder, quick, say, atEnd: (last) => void ends.push(last) });
  } finally {
    process.removeListener('SIGINT', interrupted);
    process.removeListener('SIGTERM', interrupted);
    await end();
  }
}

import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Stage } from './workload.js';

/** Those that are being played on, the outer one first. */
const stages: (() => Promise<void>)[] = [];
/** After Ctrl-C nothing begins or goes on: what is under way breaks off by itself, as its programs are ended. */
let leaving = false;
const never = new Promise<void>(() => undefined);

/**
 * A stage with a folder under the system's temporary one; everything that was put on its list ends with it, also on
 * Ctrl-C. A stage within another one shares with those before it what the outer one keeps.
 */
export async function onStage<T>(quick: boolean, say: (words: string) => void, work: (stage: Stage) => Promise<T>, outer?: Stage): Promise<T> {
  if (leaving) await never;
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-bench-'));
  chmodSync(folder, 0o755); // started by root, a PostgreSQL runs as somebody else and must get through
  const ends: (() => Promise<void> | void)[] = [];
  const end = async (): Promise<void> => {
    for (const last of ends.splice(0).reverse()) await Promise.resolve(last()).catch((error: unknown) => say(`ending: ${String(error)}`));
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  const kept = new Map<string, Promise<unknown>>();
  const stage: Stage = {
    folder,
    quick,
    say,
    atEnd: (last) => void ends.push(last),
    shared: outer === undefined ? (name, make) => keep(kept, name, () => make(stage)) : (name, make) => outer.shared(name, make),
  };
  if (stages.push(end) === 1) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  try {
    return await work(stage);
  } finally {
    if (leaving) await never;
    stages.pop();
    if (stages.length === 0) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, interrupted);
    await end();
  }
}

function keep<T>(kept: Map<string, Promise<unknown>>, name: string, make: () => Promise<T>): Promise<T> {
  const made = (kept.get(name) as Promise<T> | undefined) ?? make();
  kept.set(name, made);
  return made;
}

function interrupted(): void {
  leaving = true;
  void (async () => {
    for (const end of stages.splice(0).reverse()) await end();
    process.exit(130);
  })();
}

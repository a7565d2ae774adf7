import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { startPostmaster, type Postmaster } from './postmaster.js';

/** A server that is started again whenever it ends by itself. */
export interface Supervision {
  /** Stops the server, or the attempt to start it again. */
  stop(): Promise<void>;
}

// A crash is followed by a start at once; a server that cannot live is not started in a tight loop. The longest pause
// leaves room for recovery within the 5 s in which a fresh write must be acknowledged again.
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 2_000;
const LIVED_MS = 1_000;

/** Watches the server and starts it again on the same port, so that pools reconnect to the address they have. */
export function supervise(cluster: Cluster, first: Postmaster): Supervision {
  const controller = new AbortController();
  const { signal } = controller;
  const stopped = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
  let current = first;
  let delay = 0;

  const watch = async (): Promise<void> => {
    for (;;) {
      const since = Date.now();
      const how = await Promise.race([current.exited, stopped]);
      if (signal.aborted) return;
      cluster.onProgress?.(`PostgreSQL ended by itself (${how}); starting it again.`);
      if (Date.now() - since > LIVED_MS) delay = 0;
      const next = await startAgain();
      if (next === undefined) return;
      current = next;
      cluster.onProgress?.(`PostgreSQL is back (process ${current.pid}).`);
    }
  };

  /** Tries until it runs; undefined when called off. */
  const startAgain = async (): Promise<Postmaster | undefined> => {
    for (;;) {
      await Promise.race([sleep(delay, undefined, { ref: false }), stopped]);
      delay = Math.min(Math.max(delay * 2, FIRST_DELAY_MS), LONGEST_DELAY_MS);
      try {
        return signal.aborted ? undefined : await startPostmaster(cluster, { port: first.port, signal });
      } catch (error) {
        if (signal.aborted) return undefined;
        cluster.onProgress?.(`${(error as Error).message}; trying again in ${delay} ms.`);
      }
    }
  };

  const watching = watch();
  return {
    async stop() {
      controller.abort();
      await watching;
      await current.stop();
    },
  };
}

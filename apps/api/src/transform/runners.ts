import type { Dataset } from '@ingot/datasets';
import { DatasetRunner, WakeUps, type Freshness } from '@ingot/models';
import type { ConnectionPool } from '@ingot/postgres';
import type { Logger } from '../logger.js';

export interface RunnersOptions {
  /** postgres:// URL. */
  readonly url: string;
  readonly pool: ConnectionPool;
  /** Sessions of whoever owns the tables. */
  readonly upkeep: ConnectionPool;
  readonly datasets: readonly Dataset[];
  readonly logger: Logger;
  readonly maxRows: number;
  readonly historyDays: number;
  /** False: other processes run, this one asks them. */
  readonly runs: boolean;
  /** Other processes may work on this database. */
  readonly shared: boolean;
}

/** One runner for each dataset, and what reaches them from this process and from others. */
export interface Runners {
  readonly all: readonly DatasetRunner[];
  /** New rows in a bronze table: the dataset that owns it runs soon, here or elsewhere. */
  flushed(relation: string): void;
  /** There is something else for a dataset's next run to take: it runs soon, here or elsewhere. */
  wake(dataset: string): void;
  /** Read-your-writes, waiting at most so long. */
  catchUp(dataset: string, timeoutMs: number): Promise<Freshness>;
  /** Ends the session for wake-ups; the runners are closed one by one. */
  close(): Promise<void>;
}

/** Within which the process that took the lines has them run. */
const HERE_MS = 200;
/** Within which another process does, in case this one cannot: later, so that the two do not meet at the same lock. */
const ELSEWHERE_MS = 400;

export function createRunners({ url, pool, upkeep, datasets, logger, maxRows, historyDays, runs, shared }: RunnersOptions): Runners {
  const byName = new Map<string, DatasetRunner>();
  const wakeUps = shared ? new WakeUps({ url, log: logger, ...(runs ? { onWake: (name, withinMs) => byName.get(name)?.wake(withinMs) } : {}) }) : undefined;
  for (const dataset of datasets) {
    const askOthers = runs ? {} : { askOthers: () => wakeUps?.send(dataset.name, 0) };
    byName.set(dataset.name, new DatasetRunner({ pool, upkeep, dataset, log: logger, maxRows, historyDays, ...askOthers }));
  }
  const owners = new Map(datasets.flatMap(({ name, sources }) => sources.map(({ relation }) => [relation, name])));
  wakeUps?.start();
  const wake = (dataset: string): void => {
    byName.get(dataset)?.wake(HERE_MS);
    wakeUps?.send(dataset, runs ? ELSEWHERE_MS : HERE_MS);
  };
  return {
    all: [...byName.values()],
    flushed: (relation) => {
      const owner = owners.get(relation);
      if (owner !== undefined) wake(owner);
    },
    wake,
    catchUp: async (dataset, timeoutMs) => (await byName.get(dataset)?.catchUp({ timeoutMs })) ?? { fresh: true },
    close: async () => wakeUps?.close(),
  };
}

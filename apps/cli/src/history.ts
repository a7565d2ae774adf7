import { loadConfig, type Config } from '@ingot/config';
import { isMigrated, openRunHistory, type Run, type RunHistory } from '@ingot/db';
import { connect } from '@ingot/postgres';
import { CommandFailed } from './command-failed.js';
import { withServer } from './database.js';
import type { Io } from './io.js';

const SESSION = 'ingot runs';

/** Opens the run ledger. The files are not read: their errors are no reason not to look at what has run. */
export async function withHistory<T>(io: Io, work: (history: RunHistory, config: Config) => Promise<T>): Promise<T> {
  const config = loadConfig(io.env);
  return withServer(io, config, async (url) => {
    const client = await connect({ url, name: SESSION });
    const ready = await isMigrated(client).finally(() => client.end());
    if (!ready) throw new Error('The database has no operational schema of this release: run `ingot migrate` first');
    const history = await openRunHistory({ url, name: SESSION });
    try {
      return await work(history, config);
    } finally {
      await history.close();
    }
  });
}

/** @throws CommandFailed, after having said so, when there is no such record */
export async function findRun(io: Io, history: RunHistory, id: number): Promise<Run> {
  const run = await history.find(id);
  if (run !== null) return run;
  io.say(`there is no run ${id}; \`ingot runs\` lists those that are remembered`);
  throw new CommandFailed();
}

/** `12`, or `3 to 12` for a record of several runs; `-` for one that was rolled back. */
export function formatRunIds({ runId, firstRunId }: Pick<Run, 'runId' | 'firstRunId'>): string {
  if (runId === null) return '-';
  return firstRunId === null || firstRunId === runId ? String(runId) : `${firstRunId} to ${runId}`;
}

import type { HistorySession } from './data-source.js';
import type { RunHistory } from './run-history.js';

/**
 * Opens the run ledger for reading, on sessions of its own; the caller closes it. TypeORM is loaded here and not before:
 * 0.2 s that a start of the service and every other command do without.
 */
export async function openRunHistory(session: HistorySession): Promise<RunHistory> {
  const { RunHistory: Reader } = await import('./run-history.js');
  return Reader.open(session);
}

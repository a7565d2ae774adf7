import type { RunHistory } from './run-history.js';

/**
 * Opens the run ledger for reading, on sessions of its own; the caller closes it. TypeORM is loaded here and not before:
 * 0.2 s that a start of the service and every other command do without.
 * @param name as the server's views of its sessions show it
 */
export async function openRunHistory(url: string, name: string, sessions = 1): Promise<RunHistory> {
  const { RunHistory: Reader } = await import('./run-history.js');
  return Reader.open(url, name, sessions);
}

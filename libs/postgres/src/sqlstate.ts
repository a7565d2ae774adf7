/** SQLSTATE names the code acts on. Source: PostgreSQL documentation, appendix A. */
export const SQLSTATE = {
  uniqueViolation: '23505',
  checkViolation: '23514',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  diskFull: '53100',
  configurationLimitExceeded: '53400',
  objectNotInPrerequisiteState: '55000',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
} as const;

/** The SQLSTATE of an error that the server reported, else undefined. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

// Codes of node:net and node:dns that say the server could not be reached or went away. `pg` adds errors without a
// code for a connection that ends under a query or does not come up in time.
const SOCKET_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const CONNECTION_MESSAGES = /Connection terminated|timeout expired|not queryable|Client was closed|connection timeout/i;

/** True when the connection, not the statement, is at fault: nothing more can be asked on it. */
export function isConnectionError(error: unknown): boolean {
  const state = sqlState(error);
  // 08 connection exception, 57P01..57P05 shutdown, crash, starting up, idle timeouts
  if (state !== undefined && !SOCKET_CODES.has(state)) return state.startsWith('08') || state.startsWith('57P');
  const { code, message, errors } = (error ?? {}) as { code?: unknown; message?: unknown; errors?: unknown };
  if (Array.isArray(errors)) return errors.some(isConnectionError); // AggregateError of happy eyeballs
  return (typeof code === 'string' && SOCKET_CODES.has(code)) || (typeof message === 'string' && CONNECTION_MESSAGES.test(message));
}

/** True when every session of a pool stayed lent for as long as its caller would wait: the pool's own words say so. */
export function isPoolExhausted(error: unknown): boolean {
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect';
}

/**
 * True when the same statement may well succeed if it is tried again: a lost connection, a serialization failure, a
 * deadlock, a lock that was not to be had, a server without free connections, memory or disk for the moment, a backend
 * that lost its parallel worker because the server is being restarted. Not a statement over a limit that was set for it.
 */
export function isTransient(error: unknown): boolean {
  if (isConnectionError(error)) return true;
  const state = sqlState(error);
  if (state === undefined) return false;
  if (state === SQLSTATE.objectNotInPrerequisiteState) return /parallel worker/.test((error as Error).message);
  if (state === SQLSTATE.configurationLimitExceeded) return false;
  return state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected || state === SQLSTATE.lockNotAvailable || state.startsWith('53');
}

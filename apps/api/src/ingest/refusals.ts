import { SQLSTATE, sqlState } from '@ingot/postgres';
import { Problem } from '../problem.js';
import type { ScannedBody } from './line-grammar.js';

/** `not_stored`: send it again. `unknown`: it may be stored; only an Idempotency-Key makes sending it again safe. */
export type LostOutcome = 'not_stored' | 'unknown';

const NOT_STORED = { members: { outcome: 'not_stored' } };

function storageFull(cause?: unknown): Problem {
  return new Problem('insufficient-storage', 'There is too little room on the disk to store more. Nothing was stored; send the request again when there is more.', { ...NOT_STORED, cause });
}

/** Why a request is not stored, in words for whoever sent it. */
export const refusal = {
  unavailable: (outcome: LostOutcome) =>
    new Problem(
      'database-unavailable',
      outcome === 'not_stored'
        ? 'The database cannot be reached. Nothing was stored; send the request again.'
        : 'The database was lost before it confirmed the request. It may be stored; with an Idempotency-Key it is safe to send it again.',
      { members: { outcome } },
    ),
  storageFull,
  failed: (cause: unknown) =>
    sqlState(cause) === SQLSTATE.diskFull ? storageFull(cause) : new Problem('database-unavailable', 'The database could not store the request. Nothing was stored; send it again.', { ...NOT_STORED, cause }),
  overloaded: () => new Problem('overloaded', 'More is waiting than can be stored in time. Nothing was stored; send the request again later.', NOT_STORED),
  shuttingDown: () => new Problem('shutting-down', 'The service is stopping. Nothing was stored; send the request again.', NOT_STORED),
  inFlight: () => new Problem('idempotency-in-flight', 'Another request with this Idempotency-Key is being stored. Ask again for its outcome.'),
  mismatch: () => new Problem('idempotency-mismatch', 'This Idempotency-Key was used with another body. Nothing was stored; use a new key for new lines.'),
  badData: (cause: unknown) => new Problem('invalid-body', `The database refuses these lines (SQLSTATE ${sqlState(cause) ?? 'unknown'}). Nothing was stored.`, { cause }),
  tooManyLines: (most: number) => new Problem('body-too-large', `A body holds at most ${most} lines. Send the lines in several requests.`),
  noReadings: () => new Problem('no-readings', 'The body holds no readings. A line is `timestamp name value`, e.g. `1649941817 Voltage 1.34`.'),
};

/** All rejected lines in one problem: the first hundred by line and column, and how many there are. */
export function rejectedLines({ errors, totalErrors, lines }: ScannedBody): Problem {
  const [first] = errors;
  const where = first === undefined ? '' : ` The first: line ${first.line}, column ${first.column}: ${first.detail}`;
  return new Problem('invalid-lines', `${totalErrors} of ${totalErrors + lines} lines were rejected; nothing was stored.${where}`, {
    members: { errors, total_errors: totalErrors },
  });
}

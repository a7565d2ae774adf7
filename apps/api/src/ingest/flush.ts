import { isConnectionError, sqlState, SQLSTATE } from '@ingot/postgres';
import pg, { type Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Batch } from './batch.js';
import { copyIn } from './copy-in.js';
import { COPY_OPTIONS, copyRows } from './copy-rows.js';
import { claimKeys, type Verdict } from './idempotency.js';

/** Batches that go to one relation in one transaction, under an id that settles an unclear COMMIT. */
export interface Flush {
  readonly id: string;
  /** `bronze.<name>`. */
  readonly relation: string;
  readonly batches: readonly Batch[];
  /** Lines offered; those that idempotency keys leave out are counted too. */
  readonly lines: number;
  /** Of their text, counted likewise. */
  readonly bytes: number;
  /** One for each batch. Those of the attempt whose COMMIT was sent last: no earlier one can have committed. */
  verdicts: Verdict[];
}

const LARGE_FLUSH_MS = 5_000;
/**
 * The session takes numbers of lines from the sequence 64 at a time; what is left of them it gives up here, so that lines that
 * arrive later have higher numbers, whichever session writes them: of two of one instant the number tells which is newer.
 * A number for each line by itself made a flush of 4,000 lines 13 % dearer for the server (2.5 instead of 2.2 µs a line).
 */
const OWN_NUMBERS = 'discard sequences';

export function newFlush(relation: string, batches: readonly Batch[]): Flush {
  return {
    id: uuidv7(),
    relation,
    batches,
    ...sizeOf(batches),
    verdicts: batches.map(() => 'stored'),
  };
}

/**
 * The whole transaction of a flush. Without idempotency keys it is one message and one round trip.
 * @throws the error of the server or of the connection; `isUnclear` tells which leave the outcome open
 */
export async function writeFlush(client: Client, flush: Flush): Promise<void> {
  const begin = `begin isolation level read committed; ${OWN_NUMBERS}; ${statementLimit(flush)}${insertFlush(flush, flush.lines)}`;
  if (flush.batches.every((batch) => batch.key === undefined)) {
    await copyAndCommit(client, flush, `${begin}; `, flush.batches);
    return;
  }
  await client.query(begin);
  await writeRows(client, flush);
}

/** The rest of the transaction once the flush row is written: keys, rows, COMMIT. */
export async function writeRows(client: Client, flush: Flush): Promise<void> {
  if (flush.batches.some((batch) => batch.key !== undefined)) flush.verdicts = await claimKeys(client, flush.id, flush.batches);
  const stored = flush.batches.filter((_, i) => flush.verdicts[i] === 'stored');
  const correction = stored.length < flush.batches.length ? `${countStored(flush, stored)}; ` : '';
  if (stored.length > 0) await copyAndCommit(client, flush, correction, stored);
  else await client.query('rollback'); // nothing but replays and refusals: what was stored stays as it is
}

async function copyAndCommit(client: Client, { relation }: Flush, before: string, batches: readonly Batch[]): Promise<void> {
  const text = `${before}copy ${quoteRelation(relation)} (device, precision, line) from stdin with (${COPY_OPTIONS}); commit`;
  const committed = await copyIn(client, text, copyRows(batches));
  if (!committed) throw new Error('the server ended a flush without saying that it committed');
}

/** Makes the flush known under its id; `lines` = -1 fences it: the id is taken and nothing can commit under it. */
export function insertFlush({ id, relation, bytes }: Flush, lines: number): string {
  return `insert into bronze.flushes (flush_id, source, lines, bytes) values (${pg.escapeLiteral(id)}, ${pg.escapeLiteral(relation)}, ${Math.trunc(lines)}, ${lines < 0 ? 0 : Math.trunc(bytes)})`;
}

/** The ledger counts what is stored: not what idempotency keys have left out. */
function countStored({ id }: Flush, stored: readonly Batch[]): string {
  const { lines, bytes } = sizeOf(stored);
  return `update bronze.flushes set lines = ${Math.trunc(lines)}, bytes = ${Math.trunc(bytes)} where flush_id = ${pg.escapeLiteral(id)}`;
}

function sizeOf(batches: readonly Batch[]): { lines: number; bytes: number } {
  return { lines: batches.reduce((sum, batch) => sum + batch.lines, 0), bytes: batches.reduce((sum, batch) => sum + batch.bytes, 0) };
}

/**
 * Milliseconds that a large flush gets beyond the usual limits: 5 µs for each line above 250,000, which is the slowest
 * rate seen (0.3 M lines/s with every core busy elsewhere) with room to spare. Without it such a body is refused for ever.
 */
export function extraTime({ lines }: { readonly lines: number }): number {
  return Math.max(0, lines - 250_000) / 200;
}

/** The session's own statement_timeout is for flushes of the usual size. */
function statementLimit(flush: Flush): string {
  const extra = extraTime(flush);
  return extra === 0 ? '' : `set local statement_timeout = ${Math.ceil(extra) + LARGE_FLUSH_MS}; `;
}

function quoteRelation(relation: string): string {
  return relation.split('.').map(pg.escapeIdentifier).join('.');
}

/** True when the transaction may have committed: the connection or the server went, nobody said that it failed. */
export function isUnclear(error: unknown): boolean {
  const severity = (error as { severity?: unknown } | null)?.severity;
  return isConnectionError(error) || sqlState(error) === undefined || severity === 'FATAL' || severity === 'PANIC';
}

/** True when the same flush may well go through at once: the fault lies in what else was going on. */
export function isWorthRepeating(error: unknown): boolean {
  const state = sqlState(error);
  return state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected || lacksPartition(error);
}

/**
 * 23514 without the name of a constraint: no partition took the row. With the name of the range that the default
 * partition is about to be: it ends before the row. Either way maintenance is exchanging partitions.
 */
function lacksPartition(error: unknown): boolean {
  if (sqlState(error) !== SQLSTATE.checkViolation) return false;
  const { constraint } = error as { constraint?: unknown };
  return constraint === undefined || constraint === 'ingest_xid_range';
}

/** True when the values were refused: SQLSTATE classes 22 (data exception) and 23 (integrity constraint). */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '') && !lacksPartition(error);
}

import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Problem } from '../problem.js';
import { DEFAULT_DEVICE, type Batch, type IdempotencyKey } from './batch.js';
import { scanLines } from './line-grammar.js';
import { MAX_LINES, PRECISIONS, type Precision } from './line-limits.js';
import { refusal, rejectedLines } from './refusals.js';

/** Joined, as Node does with a header that is repeated, and apart. */
type Headers = Pick<IncomingMessage, 'headers' | 'headersDistinct'>;

/**
 * The batch that a POST asks to store.
 * @param body decoded bytes; undefined when there was no body
 * @throws Problem: invalid-parameter, invalid-body, invalid-lines, no-readings, body-too-large
 */
export function readBatch(relation: string, query: unknown, request: Headers, body: Buffer | undefined): Batch {
  const precision = precisionOf(query);
  const device = plainHeader(request, 'x-device-id', 'X-Device-Id', 128) ?? DEFAULT_DEVICE;
  const key = plainHeader(request, 'idempotency-key', 'Idempotency-Key', 255);
  if (body === undefined) throw refusal.noReadings();
  const scanned = scanLines(body, precision);
  if (scanned.totalErrors > 0) throw unreadable(body) ?? rejectedLines(scanned);
  if (scanned.lines === 0) throw refusal.noReadings();
  if (scanned.lines > MAX_LINES) throw refusal.tooManyLines();
  const { ranges, lines, bytes } = scanned;
  return { body, ranges, lines, bytes, device, precision, ...(key === undefined ? {} : { key: idempotencyKey(key, relation, precision, body) }) };
}

function idempotencyKey(key: string, relation: string, precision: Precision, body: Buffer): IdempotencyKey {
  return { key, bodyHash: createHash('sha256').update(`${relation}\0${precision}\0`).update(body).digest() };
}

function precisionOf(query: unknown): Precision {
  for (const name of Object.keys(query as object)) {
    if (name !== 'precision') throw new Problem('invalid-parameter', `There is no parameter ${JSON.stringify(name)}. The only one is precision.`);
  }
  const { precision = 's' } = query as { precision?: unknown };
  if (typeof precision === 'string' && Object.hasOwn(PRECISIONS, precision)) return precision as Precision;
  throw new Problem('invalid-parameter', `precision is one of ${Object.keys(PRECISIONS).join(', ')}, given once; not ${JSON.stringify(precision)}.`);
}

const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** A header of 1 to `longest` printable ASCII characters, given once, or undefined when it is absent. */
function plainHeader(request: Headers, name: string, shownName: string, longest: number): string | undefined {
  const value = request.headers[name];
  if (value === undefined) return undefined;
  const isOne = request.headersDistinct[name]?.length === 1;
  if (typeof value === 'string' && isOne && value.length <= longest && PRINTABLE_ASCII.test(value)) return value;
  throw new Problem('invalid-parameter', `${shownName} is given once and holds 1 to ${longest} printable ASCII characters.`);
}

/** A rejected body that is not text at all says so instead of listing lines. */
function unreadable(body: Buffer): Problem | undefined {
  const nul = body.indexOf(0);
  if (nul !== -1) return new Problem('invalid-body', `The body holds a NUL byte at offset ${nul}; it is not text (UTF-16?). Nothing was stored.`);
  if (!isUtf8(body)) return new Problem('invalid-body', 'The body is not valid UTF-8. Nothing was stored.');
  return undefined;
}

import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { rejections } from '../measuring-points.js';
import { Problem } from '../problem.js';
import { readBatchParameters, type Headers } from './batch-parameters.js';
import type { Batch, IdempotencyKey } from './batch.js';
import { scanLines, type ScannedBody } from './line-grammar.js';
import { boundsNow, LINE_LIMITS, type LineLimits, type Precision } from './line-limits.js';
import { refusal, rejectedLines } from './refusals.js';

/**
 * The batch that a POST asks to store.
 * @param body decoded bytes; undefined when there was no body
 * @param ownDevice the one device that the sender's key acts as
 * @throws Problem: invalid-parameter, invalid-body, invalid-lines, no-readings, body-too-large
 */
export function readBatch(relation: string, query: unknown, request: Headers, body: Buffer | undefined, limits: LineLimits = LINE_LIMITS, ownDevice?: string): Batch {
  const { precision, device, key } = readBatchParameters(query as Record<string, unknown>, request);
  if (body === undefined) throw refusal.noReadings();
  const scanned = scanLines(body, precision, boundsNow(limits));
  if (scanned.totalErrors > 0) throw unreadable(body) ?? refuseLines(relation, scanned);
  if (scanned.lines === 0) throw refusal.noReadings();
  if (scanned.lines > limits.lines) throw refusal.tooManyLines(limits.lines);
  const { ranges, lines, bytes } = scanned;
  return { body, ranges, lines, bytes, device: ownDevice ?? device, precision, ...(key === undefined ? {} : { key: idempotencyKey(key, relation, precision, body) }) };
}

function refuseLines(relation: string, scanned: ScannedBody): Problem {
  rejections.publish({ relation, errors: scanned.errors, totalErrors: scanned.totalErrors });
  return rejectedLines(scanned);
}

function idempotencyKey(key: string, relation: string, precision: Precision, body: Buffer): IdempotencyKey {
  return { key, bodyHash: createHash('sha256').update(`${relation}\0${precision}\0`).update(body).digest() };
}

/** A rejected body that is not text at all says so instead of listing lines. */
function unreadable(body: Buffer): Problem | undefined {
  const nul = body.indexOf(0);
  if (nul !== -1) return new Problem('invalid-body', `The body holds a NUL byte at offset ${nul}; it is not text (UTF-16?). Nothing was stored.`);
  if (!isUtf8(body)) return new Problem('invalid-body', 'The body is not valid UTF-8. Nothing was stored.');
  return undefined;
}

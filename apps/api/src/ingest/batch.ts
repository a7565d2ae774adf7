import type { Precision } from './line-limits.js';

/** The checked lines of one request, ready to be stored whole or not at all. */
export interface Batch {
  /** The decoded body. */
  readonly body: Buffer;
  /** Offsets of its lines, as line-grammar.ts gives them. */
  readonly ranges: readonly number[];
  readonly lines: number;
  /** Bytes of the lines. */
  readonly bytes: number;
  /** `default` when the request names none. */
  readonly device: string;
  readonly precision: Precision;
  readonly key?: IdempotencyKey;
}

export interface IdempotencyKey {
  readonly key: string;
  /** SHA-256 of what makes two requests the same: relation, precision, decoded body. */
  readonly bodyHash: Buffer;
}

export const DEFAULT_DEVICE = 'default';

import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import type { Batch } from '../batch.js';
import { scanLines } from '../line-grammar.js';

/** A bronze table with a default partition only, which a test may take away. */
export const RELATION = 'bronze.raw_readings';
export const TABLE = `
  create table ${RELATION} (
    id bigint not null default nextval('bronze.raw_id'), received_at timestamptz not null default now(),
    ingest_xid bigint not null default (txid_current() + 0), device text, precision text, line text not null
  ) partition by range (ingest_xid);
  create table ${RELATION}_default partition of ${RELATION} default;
  select ingot.grant_rights()`;

/** A batch of good lines as the controller makes it. */
export function batch(text: string, options: { device?: string; key?: string } = {}): Batch {
  const body = Buffer.from(text);
  const { ranges, lines, bytes, totalErrors } = scanLines(body, 's');
  expect(totalErrors).toBe(0);
  const key = options.key === undefined ? {} : { key: { key: options.key, bodyHash: createHash('sha256').update(body).digest() } };
  return { body, ranges, lines, bytes, device: options.device ?? 'default', precision: 's', ...key };
}

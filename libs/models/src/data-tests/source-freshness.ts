import type { Source } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { relationName } from '../sql-names.js';
import { judgeAge } from './carry-out.js';
import type { TestResult } from './test-result.js';

/** How fresh the lines of a source are. */
export interface SourceFreshness {
  readonly relation: string;
  readonly outcome: TestResult['outcome'];
  /** When its newest line was received, as text; null when there is none. */
  readonly newest: string | null;
  readonly ageMs: number | null;
  readonly message?: string;
}

/** 8 MB: the last second of lines at full rate, and more. */
const LAST_BLOCKS = 1_024;
/** 1 MB: half a millisecond to read. */
const FEW_BLOCKS = 128;

export interface FreshnessOptions {
  /** Looks at the last megabyte only, never at a whole partition: the age may come out longer than it is. */
  readonly isQuick?: boolean;
}

/**
 * How old the newest line of a source is, by `received_at`, against the limits of its file. Bronze has no index on it;
 * it is looked for in the newest partition that has lines, first in its last blocks. A line found there makes the age no
 * shorter than it is, so only when it is too long the whole partition is read.
 * A source without any line is `warned` when it has limits: it may be new, or nothing reaches it.
 * @param client a session outside any transaction
 */
export async function sourceFreshness(client: Client | Connection, { relation, freshness = {} }: Source, { isQuick = false }: FreshnessOptions = {}): Promise<SourceFreshness> {
  const lookedAt = isQuick ? FEW_BLOCKS : LAST_BLOCKS;
  await client.query('begin read only');
  try {
    const parts = await partitions(client, relation);
    const limits = { onFail: 'error' as const, ...freshness };
    for (const { name, blocks } of parts) {
      const last = await newestIn(client, name, blocks > lookedAt ? `where ctid >= '(${blocks - lookedAt},0)'::tid` : '');
      const isEnough = blocks <= lookedAt || (last.ageMs !== null && (isQuick || judgeAge(limits, last.ageMs, last.newest).outcome === 'passed'));
      const found = isEnough ? last : await newestIn(client, name, '');
      if (found.ageMs === null) continue;
      const { outcome, message } = judgeAge(limits, found.ageMs, found.newest);
      return { relation, outcome, ...found, ...(message === undefined ? {} : { message }) };
    }
    const isExpected = limits.warnAfterMs !== undefined || limits.errorAfterMs !== undefined;
    return { relation, outcome: isExpected ? 'warned' : 'passed', newest: null, ageMs: null, message: 'no line yet' };
  } finally {
    await client.query('rollback').catch(() => undefined); // of a connection that is gone
  }
}

/** Those that have rows, or had them, the newest first; the default one, which should be empty, before all. */
async function partitions(client: Client | Connection, relation: string): Promise<{ name: string; blocks: number }[]> {
  const { rows } = await client.query<{ name: string; blocks: number }>(
    `select c.oid::regclass::text as name, (pg_relation_size(c.oid) / current_setting('block_size')::int)::int as blocks
     from pg_inherits join pg_class as c on c.oid = inhrelid
     where inhparent = $1::regclass and pg_relation_size(c.oid) > 0
     order by substring(pg_get_expr(relpartbound, c.oid) from 'TO \\(''?(-?\\d+)')::numeric desc nulls first`,
    [relationName(relation)],
  );
  return rows;
}

async function newestIn(client: Client | Connection, partition: string, where: string): Promise<{ newest: string | null; ageMs: number | null }> {
  const { rows } = await client.query<{ newest: string | null; age: number | null }>(
    `select newest::text as newest, (extract(epoch from clock_timestamp() - newest) * 1000)::float8 as age from (select max(received_at) as newest from ${partition} ${where}) as f`,
  );
  return { newest: rows[0]?.newest ?? null, ageMs: rows[0]?.age ?? null };
}

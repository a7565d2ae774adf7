import type { Dataset } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { readAppliedCode } from '../applied-code.js';
import { relationName } from '../sql-names.js';
import { readState } from '../watermark.js';
import { RestoreRefused, withRestoreLock, type ArchivedPartition } from './restore-lines.js';
import { insertAsNew, type ArchivedLine } from './staged-lines.js';

type Session = Client | Connection;

/**
 * Takes the lines of an archive in as new ones: the next run counts them once. For a database that never counted them,
 * e.g. one made anew; where they were counted they would be counted twice, and that is refused. Each batch is a flush of
 * its own that is remembered with its lines, so a call that was cut off is gone on with and a second one adds nothing.
 * @param isOwn whether the archive was made of this database
 * @throws RestoreRefused
 */
export async function replayLines(client: Session, dataset: Dataset, archived: ArchivedPartition, isOwn: boolean, batches: AsyncIterable<readonly ArchivedLine[]>): Promise<{ added: number; there: number }> {
  return withRestoreLock(client, archived.relation, async () => {
    if (isOwn) await refuseCounted(client, dataset, archived);
    const key = [archived.relation, archived.sha256];
    await client.query('insert into ingot.archive_replays (relation, sha256, rows) values ($1, $2, $3) on conflict do nothing', [...key, archived.rows]);
    const { rows } = await client.query<{ done: string }>('select rows_done as done from ingot.archive_replays where relation = $1 and sha256 = $2', key);
    const there = Number(rows[0]!.done);
    let at = 0;
    for await (const batch of batches) {
      const lines = batch.slice(Math.max(0, there - at));
      at += batch.length;
      if (lines.length === 0) continue;
      await inTransaction(client, 'isolation level read committed', async () => {
        const bytes = lines.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0);
        await client.query('insert into bronze.flushes (flush_id, source, lines, bytes) values ($1, $2, $3, $4)', [uuidv7(), archived.relation, lines.length, bytes]);
        await insertAsNew(client, relationName(archived.relation), lines);
        await client.query('update ingot.archive_replays set rows_done = $3 where relation = $1 and sha256 = $2', [...key, at]);
      });
    }
    return { added: archived.rows - there, there };
  });
}

/** Lines of this database were counted, unless every table made of them was made without them since, or they came after what its runs have seen. */
async function refuseCounted(client: Session, dataset: Dataset, { relation, lower, upper }: ArchivedPartition): Promise<void> {
  const state = await readState(client, dataset.name);
  if (state !== undefined && lower !== null && lower >= state.seen.xmax) return;
  const applied = await readAppliedCode(client, dataset.name);
  const readers = dataset.models.filter(({ query, materialized }) => materialized !== 'view' && query.mentions.some((mention) => mention.relation === relation));
  const counting = readers.filter((model) => {
    const since = applied[model.relation]?.since;
    return since === undefined || BigInt(since) < upper;
  });
  if (counting.length === 0) return;
  throw new RestoreRefused(`${counting.map((model) => model.relation).join(', ')} has counted these lines: restore them without --replay; \`ingot rebuild\` then computes tables anew with them`);
}

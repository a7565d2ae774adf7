import type { MigrationInterface, QueryRunner } from 'typeorm';
import { takeTable } from '../take-table.js';

/** What each source has taken in: the flush ledger forgets after some hours, its sums do not. */
export class SourceCounts1795460000000 implements MigrationInterface {
  name = 'SourceCounts1795460000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(takeTable('bronze.flushes'));
    // Each bronze table there is: its flushes of hours ago have left the ledger, which would be read whole under the lock.
    await queryRunner.query(`
      alter table bronze.flushes add bytes bigint not null default 0;
      comment on column bronze.flushes.bytes is 'Of the text of its lines, without line ends.';

      create table ingot.source_counts (
        source text primary key,
        lines bigint not null default 0,
        bytes bigint not null default 0,
        mark_xmax bigint not null default 0,
        mark_xip bigint[] not null default '{}',
        since timestamptz
      );
      comment on table ingot.source_counts is 'Lines stored by way of each source, summed up from the flush ledger before its rows are removed.';
      comment on column ingot.source_counts.mark_xmax is 'With mark_xip the snapshot of the flush ledger that is in the sums, on the scale of ingest_xid.';
      comment on column ingot.source_counts.since is 'Lines of before may be missing from lines, and all of them are from bytes; null = everything was counted.';
      insert into ingot.source_counts (source, since)
        select 'bronze.' || relname, now() from pg_class where relnamespace = 'bronze'::regnamespace and relkind = 'p';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.source_counts; alter table bronze.flushes drop bytes');
  }
}

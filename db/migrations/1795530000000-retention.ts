import type { MigrationInterface, QueryRunner } from 'typeorm';
import { takeTable } from '../take-table.js';

/** What leaves: the life of each closed bronze partition, what was dropped of tables with months, archives that were replayed. */
export class Retention1795530000000 implements MigrationInterface {
  name = 'Retention1795530000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(takeTable('ingot.cluster')); // every run reads it
    await queryRunner.query(`
      alter table ingot.cluster add column database_id uuid not null default gen_random_uuid();
      comment on column ingot.cluster.database_id is 'Which database this is, wherever its dumps go: an archive says whose it is.';

      create table ingot.bronze_partitions (
        relation text not null,
        name text not null,
        lower bigint,
        upper bigint not null,
        rows bigint not null,
        received_from timestamptz,
        received_to timestamptz,
        closed_at timestamptz not null default now(),
        checksum text,
        archive_file text,
        archive_sha256 text,
        archived_at timestamptz,
        keep_until timestamptz,
        dropped_at timestamptz,
        primary key (relation, upper),
        check ((checksum is null) = (archive_file is null) and (checksum is null) = (archive_sha256 is null) and (checksum is null) = (archived_at is null))
      );
      comment on table ingot.bronze_partitions is 'Closed partitions of bronze tables, to which no row comes any more: counted once, archived, dropped, restored.';
      comment on column ingot.bronze_partitions.lower is 'With upper the range of ingest_xid; null = the first partition.';
      comment on column ingot.bronze_partitions.checksum is 'Of the rows, as found in the table and in the archive alike.';
      comment on column ingot.bronze_partitions.keep_until is 'Restored from its archive, and to stay until then.';

      create table ingot.partition_floors (
        dataset text not null references ingot.datasets (name) on delete cascade,
        relation text not null,
        below date not null,
        dropped_at timestamptz not null default now(),
        primary key (dataset, relation)
      );
      comment on table ingot.partition_floors is 'Of tables with months: what lies before this day was dropped by retention, and late rows of it are put aside.';

      create table ingot.archive_replays (
        relation text not null,
        sha256 text not null,
        rows_done bigint not null default 0,
        rows bigint not null,
        started_at timestamptz not null default now(),
        primary key (relation, sha256)
      );
      comment on table ingot.archive_replays is 'Archives whose lines were taken in as new lines, and how many of them so far.';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.archive_replays, ingot.partition_floors, ingot.bronze_partitions; alter table ingot.cluster drop column database_id');
  }
}

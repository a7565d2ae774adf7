import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The operational schema: which cluster this is, what each dataset has seen, its runs, the flush ledger, the
 * idempotency keys. Bronze tables of sources and the tables of models are made by `apply` from the files under sql/.
 */
export class OperationalSchema1795200000000 implements MigrationInterface {
  name = 'OperationalSchema1795200000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create schema ingot;
      create schema bronze;
      create schema silver;
      create schema gold;

      create table ingot.cluster (
        only_row boolean primary key default true check (only_row),
        system_identifier bigint not null,
        xid_base bigint not null default 0
      );
      comment on table ingot.cluster is 'The cluster whose transaction ids the stored snapshots speak of; a foreign one stops the start.';
      insert into ingot.cluster (system_identifier) select system_identifier from pg_control_system();

      create table ingot.datasets (
        name text primary key,
        run_id bigint not null default 0,
        snapshot_xmax bigint not null default 0,
        snapshot_xip bigint[] not null default '{}',
        code_hash text,
        applied_code jsonb,
        applied_at timestamptz,
        updated_at timestamptz not null default now()
      );
      comment on table ingot.datasets is 'One watermark for a dataset: the snapshot its last run saw of its bronze tables.';
      comment on column ingot.datasets.applied_code is 'What apply has made, by model: code hash, materialized, names of indexes; removed = its file is gone.';

      create table ingot.runs (
        id bigint generated always as identity primary key,
        dataset text not null references ingot.datasets (name),
        run_id bigint,
        status text not null check (status in ('succeeded', 'failed')),
        attempts integer not null default 1,
        started_at timestamptz not null,
        finished_at timestamptz not null,
        rows_in bigint not null default 0,
        cut boolean not null default false,
        xid bigint, -- on the scale of ingest_xid
        code_hash text,
        error jsonb,
        check ((run_id is not null) = (status = 'succeeded')),
        check ((error is not null) = (status = 'failed'))
      );
      comment on column ingot.runs.run_id is 'The number in _run_id of the rows this run wrote; null when it was rolled back.';
      comment on column ingot.runs.cut is 'True when the increment was bounded: more rows were waiting than one run takes.';
      comment on column ingot.runs.error is 'message, sqlstate, model, file, line, column of a failed run.';
      create unique index runs_by_dataset on ingot.runs (dataset, run_id);
      create index runs_by_time on ingot.runs (finished_at);

      create table ingot.run_steps (
        run bigint not null references ingot.runs (id) on delete cascade,
        position smallint not null,
        model text not null,
        strategy text not null,
        rows_written bigint not null,
        rows_deleted bigint not null default 0,
        duration_ms double precision not null,
        primary key (run, position)
      );

      create sequence bronze.raw_id as bigint cache 1;
      create table bronze.flushes (
        flush_id uuid primary key,
        source text not null,
        ingest_xid bigint not null default (txid_current() + 0),
        lines integer not null
      );
      comment on table bronze.flushes is 'One row for each flush, in its own transaction: settles an unclear COMMIT. lines = -1 fences a flush nobody waits for.';
      create index flushes_by_xid on bronze.flushes (ingest_xid);

      create table ingot.idempotency_keys (
        device text not null,
        key text not null,
        body_hash bytea not null,
        flush_id uuid not null,
        status smallint not null,
        created_at timestamptz not null default now(),
        primary key (device, key)
      );
      create index idempotency_keys_by_time on ingot.idempotency_keys (created_at);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop schema gold, silver, bronze, ingot cascade');
  }
}

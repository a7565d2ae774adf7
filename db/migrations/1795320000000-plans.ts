import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far a plan has come that brings changed models to the database: one plan at a time for a dataset. */
export class Plans1795320000000 implements MigrationInterface {
  name = 'Plans1795320000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table ingot.plans (
        dataset text primary key references ingot.datasets (name) on delete cascade,
        identity text not null,
        host text not null,
        pid integer not null,
        started_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        chunk bigint not null default 0
      );
      comment on table ingot.plans is 'The plan under way for a dataset, or one that was cut off and goes on with the next apply; published = its row is gone.';
      comment on column ingot.plans.identity is 'Hash of what is built and of what it was built over; another one starts anew.';
      comment on column ingot.plans.host is 'Where the process is or was that works on it; pid is its process id there.';
      comment on column ingot.plans.chunk is 'The last chunk that was committed; rows of a shadow carry _run_id = chunk - 2^62.';

      create table ingot.shadows (
        dataset text not null references ingot.plans (dataset) on delete cascade,
        relation text not null,
        mark_xmax bigint not null default 0,
        mark_xip bigint[] not null default '{}',
        mark_run_id bigint not null default -9223372036854775808,
        rows_read bigint not null default 0,
        primary key (dataset, relation)
      );
      comment on table ingot.shadows is 'What each shadow table holds of its input. Never more than the dataset''s own watermark.';
      comment on column ingot.shadows.mark_xmax is 'With mark_xip the snapshot it has seen of a bronze table, on the scale of ingest_xid.';
      comment on column ingot.shadows.mark_run_id is 'The highest _run_id it has taken of an input that is a model.';

      create table ingot.shadow_quarantine (like ingot.quarantine including all);
      comment on table ingot.shadow_quarantine is 'What the chunks of a rebuild have put aside: it replaces the model''s open entries when the shadow is published.';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.shadow_quarantine, ingot.shadows, ingot.plans');
  }
}

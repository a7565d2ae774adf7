import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What data tests found in each run, when each `table` model was last computed, and the seeds as last loaded. */
export class DataTests1795310000000 implements MigrationInterface {
  name = 'DataTests1795310000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table ingot.test_results (
        run bigint not null references ingot.runs (id) on delete cascade,
        test text not null,
        relation text,
        scope text not null check (scope in ('rows of the run', 'whole table')),
        outcome text not null check (outcome in ('passed', 'warned')),
        failures bigint not null,
        samples jsonb not null default '[]',
        duration_ms double precision not null,
        primary key (run, test)
      );
      comment on table ingot.test_results is 'Data tests that a run carried out by query; those kept by constraints and indexes cost nothing of their own. What a failing test found is in ingot.runs.error.';
      comment on column ingot.test_results.relation is 'The model; null for a SELECT of tests/.';
      comment on column ingot.test_results.failures is 'Rows that must not exist; of unique: keys that occur more than once.';
      comment on column ingot.test_results.samples is 'Up to 20 of them, values cut at 1,000 characters.';

      create table ingot.table_refreshes (
        dataset text not null references ingot.datasets (name) on delete cascade,
        relation text not null,
        computed_at timestamptz not null,
        run_id bigint not null,
        code_hash text not null,
        primary key (dataset, relation)
      );
      comment on table ingot.table_refreshes is 'When each model that is materialized as a table was last computed.';
      comment on column ingot.table_refreshes.run_id is 'The last run as of which it is right: that computed it, or found all it reads unchanged.';
      comment on column ingot.table_refreshes.code_hash is 'Of the whole dataset, seeds among it.';

      create table ingot.seeds (
        dataset text not null references ingot.datasets (name) on delete cascade,
        relation text not null,
        code_hash text not null,
        applied_at timestamptz not null default now(),
        primary key (dataset, relation)
      );
      comment on table ingot.seeds is 'The tables made of CSV files, with the hash of what was last loaded.';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.seeds, ingot.table_refreshes, ingot.test_results');
  }
}

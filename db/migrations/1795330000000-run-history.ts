import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a record of a run tells beside its times: how long, up to where, and how many uneventful runs it stands for. */
export class RunHistory1795330000000 implements MigrationInterface {
  name = 'RunHistory1795330000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table ingot.runs
        add duration_ms double precision,
        add snapshot_xmax bigint,
        add snapshot_xip bigint[],
        add runs integer not null default 1,
        add first_run_id bigint,
        add fingerprint text;
      comment on column ingot.runs.duration_ms is 'Of the run, of the last attempt of one that failed, of all runs together where the record stands for several.';
      comment on column ingot.runs.snapshot_xmax is 'With snapshot_xip the watermark this run left, on the scale of ingest_xid.';
      comment on column ingot.runs.runs is 'How many runs this record stands for: uneventful ones are merged after an hour.';
      comment on column ingot.runs.first_run_id is 'Where the record stands for several runs: the first of their numbers; run_id is the last.';
      comment on column ingot.runs.fingerprint is 'Of a failure: the same again is the same record.';
      create index runs_failing on ingot.runs (dataset, fingerprint) where status = 'failed';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table ingot.runs drop duration_ms, drop snapshot_xmax, drop snapshot_xip, drop runs, drop first_run_id, drop fingerprint');
  }
}

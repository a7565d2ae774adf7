import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Publications take a number of the runs, so the run ledger tells of them too. */
export class Publications1795340000000 implements MigrationInterface {
  name = 'Publications1795340000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table ingot.runs add kind text not null default 'run', add constraint runs_kind check (kind in ('run', 'publication'));
      comment on column ingot.runs.kind is 'run = it took new rows; publication = tables computed anew took the place of those of before, and no new row was taken.';
      comment on column ingot.runs.started_at is 'Of a publication: when its rebuild began.';
      comment on column ingot.runs.duration_ms is 'Of the run, of the last attempt of one that failed, of all runs together where the record stands for several; of a publication with all chunks of its rebuild.';

      alter table ingot.shadows
        add rows_written bigint not null default 0,
        add rows_out bigint not null default 0,
        add quarantined bigint not null default 0,
        add filtered bigint not null default 0,
        add duration_ms double precision not null default 0;
      comment on column ingot.shadows.rows_written is 'By all its chunks together, as rows_out, quarantined, filtered and duration_ms: what the publication records of its step.';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table ingot.shadows drop rows_written, drop rows_out, drop quarantined, drop filtered, drop duration_ms;
      delete from ingot.runs where kind <> 'run';
      alter table ingot.runs drop kind;
    `);
  }
}

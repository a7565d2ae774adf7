import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rows kept aside by row-wise steps, and where the input rows of each such step went. */
export class Quarantine1795300000000 implements MigrationInterface {
  name = 'Quarantine1795300000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table ingot.quarantine (
        id bigint generated always as identity primary key,
        dataset text not null,
        model text not null,
        input text not null,
        input_row jsonb not null,
        input_id bigint,
        input_xid bigint,
        reasons text[] not null default '{}',
        sqlstate text,
        message text,
        run_id bigint not null,
        code_hash text not null,
        first_at timestamptz not null default now(),
        at timestamptz not null default now(),
        attempts integer not null default 1,
        replay boolean not null default false,
        check (reasons <> '{}' or sqlstate is not null)
      );
      comment on table ingot.quarantine is 'Input rows a model could not take: each stays until a replay takes it in, or a rebuild does without it.';
      comment on column ingot.quarantine.input_row is 'The row of the relation named by input, all its columns.';
      comment on column ingot.quarantine.input_id is 'Where input is a bronze table: id of the line; input_xid its ingest_xid.';
      comment on column ingot.quarantine.reasons is 'Names of the data tests it failed, all of them; empty when the SQL itself failed, with sqlstate and message.';
      comment on column ingot.quarantine.run_id is 'The run that put it here, or the last that tried it again.';
      comment on column ingot.quarantine.code_hash is 'The model''s code at that time.';
      comment on column ingot.quarantine.replay is 'True: the next run takes it in again as a new row.';
      create function ingot.refuse_row() returns boolean language plpgsql as $$
        begin
          raise exception using errcode = 'IN001', message = 'a row breaks a rule';
        end
      $$;
      comment on function ingot.refuse_row() is 'Ends the statement that appends an increment at the first row that belongs in quarantine.';
      create index quarantine_by_model on ingot.quarantine (dataset, model);
      create index quarantine_to_replay on ingot.quarantine (dataset) where replay;

      alter table ingot.run_steps
        add rows_in bigint,
        add rows_out bigint,
        add quarantined bigint,
        add filtered bigint,
        add replayed bigint,
        add check (rows_in = rows_out + quarantined + filtered);
      comment on column ingot.run_steps.rows_in is 'Of row-wise steps: input rows, replayed ones among them.';
      comment on column ingot.run_steps.rows_out is 'Input rows whose output was written.';
      comment on column ingot.run_steps.filtered is 'Input rows the SELECT gives nothing for.';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table ingot.run_steps drop rows_in, drop rows_out, drop quarantined, drop filtered, drop replayed;
      drop function ingot.refuse_row();
      drop table ingot.quarantine;
    `);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';
import { takeTable } from '../take-table.js';

/** What entity tags and cursors are made of beside the run id: publications, and a secret to sign cursors with. */
export class Pages1795400000000 implements MigrationInterface {
  name = 'Pages1795400000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(takeTable('ingot.datasets'));
    // Two random UUIDs hold 244 random bits, from the server's strong source; pgcrypto may not be there.
    await queryRunner.query(`
      alter table ingot.datasets add publication bigint not null default 0;
      comment on column ingot.datasets.publication is 'Counts what apply and rebuild have made of the published relations: another number, and rows may have changed under any run id.';

      create table ingot.secrets (
        name text primary key,
        secret bytea not null,
        created_at timestamptz not null default now()
      );
      comment on table ingot.secrets is 'Made once, shared by all processes. A secret that is deleted is made anew at the next start; what was signed with it is refused.';
      insert into ingot.secrets (name, secret)
        values ('cursor', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.secrets; alter table ingot.datasets drop publication');
  }
}

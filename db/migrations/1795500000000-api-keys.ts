import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who may call the service: keys, of which only the SHA-256 is kept. */
export class ApiKeys1795500000000 implements MigrationInterface {
  name = 'ApiKeys1795500000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    // The use of a key is written in place: a full page would have no room for the new version of the row.
    await queryRunner.query(`
      create table ingot.api_keys (
        id bigint generated always as identity primary key,
        name text not null check (name ~ '^[[:graph:]]{1,128}$'),
        prefix text,
        digest bytea not null unique check (length(digest) = 32),
        device text check (length(device) between 1 and 128),
        scopes text[] not null check (scopes <@ array['ingest', 'read:own', 'read:all', 'admin'] and cardinality(scopes) > 0),
        lines_per_second integer check (lines_per_second >= 0),
        bytes_per_day bigint check (bytes_per_day >= 0),
        created_at timestamptz not null default now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
      ) with (fillfactor = 80);
      comment on table ingot.api_keys is 'Keys of the service. A key itself is shown once, when it is made, and is nowhere in the database.';
      comment on column ingot.api_keys.prefix is 'The first characters of the key, to tell it from others; null where only the SHA-256 was given.';
      comment on column ingot.api_keys.digest is 'SHA-256 of the key.';
      comment on column ingot.api_keys.device is 'The one device the key acts as; null = any that a request names.';
      comment on column ingot.api_keys.lines_per_second is '0 = no limit; null = as the service is set up. Likewise bytes_per_day.';
      comment on column ingot.api_keys.last_used_at is 'To the minute.';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.api_keys');
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What limits count: bytes of a day by whoever sends them, devices there have been, and the names of each. */
export class Limits1795510000000 implements MigrationInterface {
  name = 'Limits1795510000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table ingot.quota_days (
        day date not null,
        subject text not null,
        bytes bigint not null,
        primary key (day, subject)
      );
      comment on table ingot.quota_days is 'Decoded bytes that a key, a subject of an identity provider or an address has sent in a UTC day; the sum over all processes';

      create table ingot.devices (
        device text primary key,
        first_seen timestamptz not null default now()
      );
      comment on table ingot.devices is 'Devices that have sent lines since this is counted; a deleted row makes room for another';

      create table ingot.device_names (
        device text not null,
        name text not null,
        first_seen timestamptz not null default now(),
        primary key (device, name)
      );
      comment on table ingot.device_names is 'What each device has measured since this is counted; a deleted row makes room for another';`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table ingot.device_names, ingot.devices, ingot.quota_days');
  }
}

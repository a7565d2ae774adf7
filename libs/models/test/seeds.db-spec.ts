import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
let client: Client;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
});
afterEach(() => db.drop());

const PLACED = `/* ---\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: silver.stg\nlookups: [seeds.rooms]\n--- */\nselect s.raw_id, r.room from silver.stg as s left join seeds.rooms as r using (device)\n`;
async function applied(csv: string, yml?: string) {
  const dataset = await sampleDataset({ 'seeds/rooms.csv': csv, ...(yml === undefined ? {} : { 'seeds/rooms.yml': yml }), 'silver/placed.sql': PLACED });
  await apply(client, dataset);
  return dataset;
}
const rooms = () => db.query<{ row: unknown }>('select to_jsonb(r) as row from seeds.rooms as r order by device, room').then((rows) => rows.map(({ row }) => row));
const tuples = () => db.query<{ device: string; place: string }>(`select device, ctid::text || ' ' || xmin::text as place from seeds.rooms order by 1`);

it('a seed is loaded with its types; a change replaces just the rows that differ, and recomputes nothing', async () => {
  const first = await applied('device,room,size,since\na,kitchen,2.50,2022-04-14\nb,"hall, east",,\n');
  expect(await rooms()).toEqual([
    { device: 'a', room: 'kitchen', size: 2.5, since: '2022-04-14' },
    { device: 'b', room: 'hall, east', size: null, since: null },
  ]);
  await db.query(`insert into bronze.raw (device, line) values ('a', '2030-01-01 V 1'), ('b', '2030-01-01 V 1')`);
  await run(client, await readPlan(client, first), { maxRows: 1_000 });
  const before = await tuples();
  await apply(client, first);
  expect(await tuples()).toEqual(before); // nothing to do

  const second = await applied('device,room,size,since\na,kitchen,2.50,2022-04-14\nb,attic,,\nc,cellar,1,2022-04-15\n');
  const after = await tuples();
  expect(after[0]).toEqual(before[0]);
  expect(after[1]).not.toEqual(before[1]);
  expect(after).toHaveLength(3);
  await db.query(`insert into bronze.raw (device, line) values ('b', '2030-01-01 V 1')`);
  await run(client, await readPlan(client, second), { maxRows: 1_000 });
  expect(await db.query('select room from silver.placed order by raw_id')).toEqual([{ room: 'kitchen' }, { room: 'hall, east' }, { room: 'attic' }]);
});

it('keeps duplicates as often as the file has them', async () => {
  await applied('device,room\na,x\na,x\nb,y\n');
  await applied('device,room\na,x\na,x\na,x\n');
  expect(await rooms()).toEqual([{ device: 'a', room: 'x' }, { device: 'a', room: 'x' }, { device: 'a', room: 'x' }]);
  await applied('device,room\na,x\n');
  expect(await rooms()).toEqual([{ device: 'a', room: 'x' }]);
});

it('takes columns that come, go and change their type, while a reader still sees the old rows', async () => {
  await applied('device,room,size\na,x,1\nb,y,2\n');
  const reader = await db.session();
  await reader.query('begin isolation level repeatable read');
  await reader.query('select 1');
  await applied('device,room,floor,size\na,x,0,big\nb,z,1,small\n');
  expect(await rooms()).toMatchObject([{ device: 'a', room: 'x', floor: 0, size: 'big' }, { device: 'b', room: 'z', floor: 1, size: 'small' }]);
  expect((await reader.query('select device, room from seeds.rooms order by 1')).rows).toEqual([{ device: 'a', room: 'x' }, { device: 'b', room: 'y' }]);
  await reader.query('rollback');
});

it('has a unique index on its key, follows another key, and has its descriptions', async () => {
  const yml = (key: string) => `description: Where each device stands.\nunique_key: ${key}\n`;
  await applied('device,room\na,x\nb,y\n', yml('device'));
  await applied('device,room\na,y\nb,x\n', yml('device')); // both values move: rows go before rows come
  await applied('device,room\na,y\na,x\n', yml('[device, room]'));
  const indexes = await db.query(`select indexdef from pg_indexes where schemaname = 'seeds'`);
  expect(indexes).toEqual([{ indexdef: 'CREATE UNIQUE INDEX rooms_key ON seeds.rooms USING btree (device, room) NULLS NOT DISTINCT' }]);
  expect(await db.query(`select obj_description('seeds.rooms'::regclass) as text`)).toEqual([{ text: 'Where each device stands.' }]);
});

it('refuses a value that is none of its type and a failing data test, and leaves all as it was', async () => {
  await applied('device,room\na,x\n');
  const bounded = 'columns:\n  - { name: room, data_tests: [accepted_values: { values: [x, y] }] }\n';
  await expect(applied('device,room\na,z\n', bounded)).rejects.toThrow('sql/sample/seeds/rooms.yml:2:32: seeds.rooms: data test accepted_values of room failed: 1 row, e.g. {"device":"a","room":"z"}');
  await expect(applied('device,room\n1,x\n1.0,y\n', 'unique_key: device\ncolumns:\n  - { name: device, data_type: numeric }\n')).rejects.toMatchObject({ name: 'ApplyError', message: expect.stringMatching(/^sql\/sample\/seeds\/rooms\.\w+:\d+:\d+: seeds\.rooms: .*duplicated/) as unknown });
  expect(await rooms()).toEqual([{ device: 'a', room: 'x' }]);
});

it('does not take a table that somebody else has made', async () => {
  await db.query('create schema seeds; create table seeds.rooms (a int)');
  await expect(applied('device,room\na,x\n')).rejects.toThrow('sql/sample/seeds/rooms.csv:1:1: a table seeds.rooms exists already that Ingot has not made; drop or rename it');
});

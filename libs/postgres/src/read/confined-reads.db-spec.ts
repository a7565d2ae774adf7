import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { Reads, request, text } from '../../test/reads.js';
import type { ReadRepository } from './read-repository.js';

// Files of endpoints that call such functions are refused when they are loaded. This is what holds when one gets past.
describe('a read that tries to do more', () => {
  let database: TestDatabase;
  let reads: Reads;
  let repository: ReadRepository;
  let victim: Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    victim = await database.session('victim');
    await database.query(`
      create table public.kept (n int);
      create sequence public.numbers;
      grant all on public.kept to ingot_read; -- more than it should ever have
      grant all on sequence public.numbers to ingot_read;
      create function public.analysts() returns int language plpgsql volatile as $$ begin insert into public.kept values (1); return 1; end $$;
      create function public.lent() returns int language plpgsql volatile security definer as $$ begin insert into public.kept values (2); return 1; end $$;
      create function public.escapes() returns text language plpgsql volatile as $$ begin perform set_config('transaction_read_only', 'off', true); insert into public.kept values (3); return 'out'; end $$`);
    reads = new Reads(database);
    repository = reads.repository({ url: database.urls.read, max: 1, transactionSeconds: 1 });
  });
  afterAll(async () => {
    await reads.close();
    await database.drop();
  });
  const read = async (query: string): Promise<string> => text(await repository.copyOut(request(query)));

  it.each([
    ['an analyst\'s function that writes', 'select public.analysts()', '25006'], // read_only_sql_transaction
    ['one that does so with its owner\'s rights', 'select public.lent()', '25006'],
    ['one that makes its transaction writable first', 'select public.escapes()', '25001'], // active_sql_transaction
    ['nextval', `select nextval('public.numbers')`, '25006'],
    ['ending the session of another', `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'`, '42501'],
    ['cancelling its statement', `select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'victim'`, '42501'],
    ['becoming its owner', `select set_config('role', 'ingot', false)`, '42501'],
    ['reading a file of the server', `select pg_read_file('/etc/hostname')`, '42501'],
    ['reading keys', 'select * from ingot.api_keys', '42501'],
  ])('is refused: %s', async (_what, query, code) => {
    await expect(read(query)).rejects.toMatchObject({ code });
    expect(await database.query('select n from public.kept')).toEqual([]);
    expect((await victim.query('select 1 as alive')).rows).toEqual([{ alive: 1 }]);
  });

  it('is cut when it sleeps', async () => {
    await expect(read('select pg_sleep(60)')).rejects.toMatchObject({ name: 'ReadError', code: 'too slow' });
  });

  it('leaves nothing of what it sets to the next read on the connection', async () => {
    const SETTINGS = `select current_setting('search_path') || ' ' || current_setting('statement_timeout') || ' ' || current_setting('default_transaction_read_only') || ' ' || current_setting('timezone') || ' ' || pg_backend_pid()`;
    const before = await read(SETTINGS);
    expect(before).toMatch(/^\[\("?pg_catalog \S+ on UTC \d+/);
    for (const [name, value] of [['search_path', 'public'], ['statement_timeout', '0'], ['default_transaction_read_only', 'off'], ['TimeZone', 'Asia/Tokyo']]) {
      expect(await read(`select set_config('${name}', '${value}', false)`)).toContain(value);
      expect(await read(SETTINGS)).toBe(before); // the same session, as it was
    }
  });
});

import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { queryAt } from '@ingot/testing';
import { addRow, countRows, EmbeddedFolder, Seed } from '../../test/embedded-folder.js';
import { readPostmasterFile } from './postmaster-file.js';

let seed: Seed;
let folder: EmbeddedFolder;

beforeAll(async () => {
  seed = await Seed.make();
});
afterAll(() => seed.remove());
beforeEach(() => {
  folder = new EmbeddedFolder(seed);
});
afterEach(() => folder.close());

describe('startEmbedded', () => {
  it('makes a database whose service role owns it and is no superuser, in UTF-8, with checksums, on loopback alone', async () => {
    const server = await folder.start();
    expect(server).toMatchObject({ dataDir: folder.dataDir, adopted: false });
    const rows = await queryAt(
      server.url,
      `select current_user as role, rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as power, pg_get_userbyid(datdba) as owner,
              current_database() as database, pg_encoding_to_char(encoding) as encoding, current_setting('data_checksums') as checksums,
              current_setting('fsync') || current_setting('synchronous_commit') || current_setting('full_page_writes') as durable,
              upper('é') || (select string_agg(c, '' order by c) from unnest(array['a', 'B', 'ä']) c) as locale
       from pg_roles, pg_database where rolname = current_user and datname = current_database()`,
    );
    expect(rows).toEqual([
      { role: 'ingot', power: false, owner: 'ingot', database: 'ingot', encoding: 'UTF8', checksums: 'on', durable: 'ononon', locale: 'ÉBaä' },
    ]);
    expect(await queryAt(folder.superuserOf(server), `select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets`)).toEqual([
      { addresses: '127.0.0.1', sockets: '' },
    ]);
    await expect(queryAt(server.url, 'create role mallory')).rejects.toThrow(/permission denied/);
  });

  const LOGINS = `select rolname as login, array(select g.rolname::text from pg_auth_members as m join pg_roles as g on g.oid = m.roleid where m.member = r.oid order by 1) as groups,
      rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as power, has_database_privilege(rolname, 'ingot', 'temporary') as temporary
    from pg_roles as r where rolcanlogin and rolname <> 'postgres' order by 1`;
  const SERVICE_LOGINS = [
    { login: 'ingot', groups: ['ingot_run'], power: false, temporary: true },
    { login: 'ingot_ingest_login', groups: ['ingot_ingest'], power: false, temporary: false },
    { login: 'ingot_read_login', groups: ['ingot_read'], power: false, temporary: false },
    { login: 'ingot_run_login', groups: ['ingot_run'], power: false, temporary: true },
  ];

  it('makes a login for each service, a member of its role and of no other, with a password of its own', async () => {
    const server = await folder.start();
    expect(await queryAt(folder.superuserOf(server), LOGINS)).toEqual(SERVICE_LOGINS);
    for (const service of ['ingest', 'read', 'run'] as const) expect(await queryAt(server.urls[service], 'select current_user as login')).toEqual([{ login: `ingot_${service}_login` }]);
    const passwords = Object.values(folder.passwords());
    expect(new Set(passwords).size).toBe(5);
    expect(await queryAt(folder.superuserOf(server), `select count(*)::int as members from pg_auth_members where roleid = 'pg_read_all_stats'::regrole and member = 'ingot_run'::regrole`)).toEqual([{ members: 1 }]);
  });

  it('gives a folder of a release with one login the others, and keeps what is there', async () => {
    const first = await folder.startWarm();
    await addRow(first.url);
    for (const role of ['ingot_ingest_login', 'ingot_read_login', 'ingot_run_login', 'ingot_ingest', 'ingot_read', 'ingot_run']) await queryAt(folder.superuserOf(first), `drop owned by ${role}; drop role ${role}`);
    await first.stop();
    const { postgres, ingot } = folder.passwords();
    writeFileSync(folder.passwordFile, JSON.stringify({ postgres, ingot }));
    const second = await folder.start();
    expect(await queryAt(folder.superuserOf(second), LOGINS)).toEqual(SERVICE_LOGINS);
    expect(folder.passwords()).toMatchObject({ postgres, ingot });
    expect(statSync(folder.passwordFile).mode & 0o777).toBe(0o600);
    expect(await countRows(second.url)).toBe('1');
    await second.stop();
    await folder.start(); // and the logins it has now
  });

  it('keeps secrets and the log to itself: mode 0600, random passwords, none in the log', async () => {
    const server = await folder.start();
    await server.stop();
    expect(statSync(folder.passwordFile).mode & 0o777).toBe(0o600);
    expect(statSync(folder.log).mode & 0o777).toBe(0o600);
    expect(statSync(folder.cluster).mode & 0o777).toBe(0o700);
    const passwords = folder.passwords();
    expect(passwords.postgres).toMatch(/^[\w-]{32}$/);
    expect(passwords.ingot).not.toBe(passwords.postgres);
    const log = readFileSync(folder.log, 'utf8');
    for (const password of Object.values(passwords)) expect(log).not.toContain(password);
    expect(readdirSync(folder.dataDir).sort()).toEqual(['passwords.json', 'postgres', 'postgres.log', 'service.lock.1']);
  });

  it('refuses a second starter in one line that names the holder, and harms nobody', async () => {
    const first = await folder.startWarm();
    first.announce('http://127.0.0.1:3999');
    const error = await folder.start().then(() => undefined, (e: Error) => e);
    expect(error?.toString()).toMatch(
      new RegExp(`^EmbeddedServerError: The data folder ${folder.dataDir} is in use by process ${process.pid}, since \\d{4}-.*Z, serving http://127\\.0\\.0\\.1:3999\\. Stop that one first, or set INGOT_DATA_DIR to another folder\\.$`),
    );
    expect(await queryAt(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await first.stop();
    await folder.start();
  });

  it('says in one line which major version is there, and leaves it alone', async () => {
    mkdirSync(folder.cluster, { recursive: true });
    writeFileSync(path.join(folder.cluster, 'PG_VERSION'), '12\n');
    writeFileSync(folder.passwordFile, JSON.stringify({ postgres: 'one', ingot: 'two' }), { mode: 0o600 });
    await expect(folder.start()).rejects.toThrow(/^\S.*postgres holds a database of PostgreSQL 12, and this release of Ingot ships PostgreSQL 1\d: run `ingot upgrade`, which moves it, or set INGOT_DATA_DIR to another folder\.$/);
    expect(readdirSync(folder.cluster)).toEqual(['PG_VERSION']);
    await expect(folder.start()).rejects.toThrow(/PostgreSQL 12/); // not: in use
  });

  it('says in one line that a folder is something else, cannot be made, or lost its passwords', async () => {
    mkdirSync(folder.cluster, { recursive: true });
    writeFileSync(path.join(folder.cluster, 'letter.txt'), 'dear all');
    await expect(folder.start()).rejects.toThrow(/^.*postgres is not empty and holds no PostgreSQL database: .*$/);
    writeFileSync(path.join(folder.cluster, 'PG_VERSION'), '18\n');
    rmSync(folder.passwordFile);
    await expect(folder.start()).rejects.toThrow(/^.*passwords\.json, which holds the passwords .* is gone or damaged: put it back from a backup\.$/);
    await expect(folder.start({ dataDir: path.join(folder.cluster, 'letter.txt', 'sub') })).rejects.toThrow(/^Cannot make the data folder .*ENOTDIR.*$/);
    if (process.platform === 'linux') await expect(folder.start({ dataDir: '/proc/ingot/data' })).rejects.toThrow(/^Cannot make the data folder \/proc\/ingot\/data .*ENOENT.*$/);
  });

  it('gives a wrong setting back as the one line of the server, and leaves nothing running', async () => {
    folder.copySeed();
    await expect(folder.start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(/^PostgreSQL did not start \(exit code 1\): .*invalid value for parameter "shared_buffers": "plenty"; see .*postgres\.log$/);
    expect(readPostmasterFile(folder.cluster)).toBeUndefined();
  });

  it('says in one line that no server is installed in the given folder', async () => {
    await expect(folder.start({ binDir: path.join(folder.root, 'nothing') })).rejects.toThrow(/nothing\/postgres is no PostgreSQL server: .*ENOENT$/);
  });

  it('gives up a start that is called off', async () => {
    folder.copySeed();
    const controller = new AbortController();
    const starting = folder.start({ signal: controller.signal });
    controller.abort();
    await expect(starting).rejects.toThrow(/aborted/);
    expect(readPostmasterFile(folder.cluster)).toBeUndefined();
    await folder.start();
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { queryAt } from '@ingot/testing';
import { connect } from '../pool.js';
import { openCluster } from './cluster.js';
import { startEmbedded, type EmbeddedServer, type EmbeddedServerOptions } from './embedded-server.js';
import { startPostmaster } from './postmaster.js';
import { processesIn, readPostmasterFile } from './postmaster-file.js';
import { processIdentity } from './process-identity.js';

const OTHER_SERVER = process.env.INGOT_TEST_PG_BIN;

let seed: string;
let folder: string;
let dataDir: string;
let servers: EmbeddedServer[];

beforeAll(async () => {
  seed = mkdtempSync(path.join(tmpdir(), 'ingot-embedded-seed-'));
  chmodSync(seed, 0o755);
  await (await startEmbedded({ dataDir: path.join(seed, 'data'), binDir: OTHER_SERVER })).stop();
});
afterAll(() => rmSync(seed, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ingot embedded '));
  chmodSync(folder, 0o755);
  dataDir = path.join(folder, 'data');
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedServerOptions> = {}): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataDir, binDir: OTHER_SERVER, ...options });
  servers.push(server);
  return server;
}

/** As start(), on a copy of a data folder that was made before: 0.1 s instead of 0.9. */
async function startWarm(options: Partial<EmbeddedServerOptions> = {}): Promise<EmbeddedServer> {
  copySeed();
  return start(options);
}

function copySeed(): void {
  const { status, stderr } = spawnSync('cp', ['-a', path.join(seed, 'data'), dataDir], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

function superuserOf(server: EmbeddedServer): string {
  const url = new URL(server.url);
  const { postgres } = JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8')) as { postgres: string };
  return Object.assign(url, { username: 'postgres', password: postgres, pathname: '/postgres' }).toString();
}

const cluster = () => path.join(dataDir, 'postgres');
const pidOf = () => readPostmasterFile(cluster())?.pid ?? 0;
const addRow = (url: string) => queryAt(url, 'create table if not exists public.kept (n int); insert into public.kept values (1)');
const countRows = async (url: string) => (await queryAt<{ count: string }>(url, 'select count(*) from public.kept'))[0]?.count;

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !(await what()); await sleep(20)) if (Date.now() > end) throw new Error(`still not so: ${what.toString()}`);
}

describe('startEmbedded', () => {
  it('makes a database whose service role owns it and is no superuser, in UTF-8, with checksums, on loopback alone', async () => {
    const server = await start();
    expect(server).toMatchObject({ dataDir, adopted: false });
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
    expect(await queryAt(superuserOf(server), `select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets`)).toEqual([
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
    const server = await start();
    expect(await queryAt(superuserOf(server), LOGINS)).toEqual(SERVICE_LOGINS);
    for (const service of ['ingest', 'read', 'run'] as const) expect(await queryAt(server.urls[service], 'select current_user as login')).toEqual([{ login: `ingot_${service}_login` }]);
    const passwords = Object.values(JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8')) as Record<string, string>);
    expect(new Set(passwords).size).toBe(5);
    expect(await queryAt(superuserOf(server), `select count(*)::int as members from pg_auth_members where roleid = 'pg_read_all_stats'::regrole and member = 'ingot_run'::regrole`)).toEqual([{ members: 1 }]);
  });

  it('gives a folder of a release with one login the others, and keeps what is there', async () => {
    const first = await startWarm();
    await addRow(first.url);
    for (const role of ['ingot_ingest_login', 'ingot_read_login', 'ingot_run_login', 'ingot_ingest', 'ingot_read', 'ingot_run']) await queryAt(superuserOf(first), `drop owned by ${role}; drop role ${role}`);
    await first.stop();
    const file = path.join(dataDir, 'passwords.json');
    const { postgres, ingot } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    writeFileSync(file, JSON.stringify({ postgres, ingot }));
    const second = await start();
    expect(await queryAt(superuserOf(second), LOGINS)).toEqual(SERVICE_LOGINS);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ postgres, ingot });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await countRows(second.url)).toBe('1');
    await second.stop();
    await start(); // and the logins it has now
  });

  it('keeps secrets and the log to itself: mode 0600, random passwords, none in the log', async () => {
    const server = await start();
    await server.stop();
    expect(statSync(path.join(dataDir, 'passwords.json')).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(dataDir, 'postgres.log')).mode & 0o777).toBe(0o600);
    expect(statSync(cluster()).mode & 0o777).toBe(0o700);
    const passwords = JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8')) as Record<string, string>;
    expect(passwords.postgres).toMatch(/^[\w-]{32}$/);
    expect(passwords.ingot).not.toBe(passwords.postgres);
    const log = readFileSync(path.join(dataDir, 'postgres.log'), 'utf8');
    for (const password of Object.values(passwords)) expect(log).not.toContain(password);
    expect(readdirSync(dataDir).sort()).toEqual(['passwords.json', 'postgres', 'postgres.log', 'service.lock.1']);
  });

  it('starts again on what is there, with a new port, and stops for good', async () => {
    const first = await startWarm();
    await addRow(first.url);
    const pid = pidOf();
    await first.stop();
    await first.stop();
    expect(processIdentity(pid)).toBeUndefined();
    const begun = Date.now();
    const second = await start();
    process.stdout.write(`warm start of the embedded server: ${Date.now() - begun} ms\n`);
    expect(await countRows(second.url)).toBe('1');
  });

  it('starts a server that was killed again, on the same port, with all that was committed', async () => {
    const told: string[] = [];
    const server = await startWarm({ onProgress: (message) => told.push(message) });
    await addRow(server.url);
    for (const signal of ['SIGKILL', 'SIGQUIT', 'SIGKILL'] as const) {
      const pid = pidOf();
      const session = await connect({ url: server.url, name: 'cut by the crash' });
      process.kill(pid, signal);
      await until(() => pidOf() !== pid && readPostmasterFile(cluster())?.status === 'ready');
      expect(await countRows(server.url)).toBe('1');
      await session.end().catch(() => undefined);
    }
    expect(told.filter((line) => /^PostgreSQL ended by itself/.test(line))).toHaveLength(3);
    expect(processesIn(cluster())?.length ?? 2).toBeGreaterThan(1);
    const last = pidOf();
    await server.stop();
    await sleep(600);
    expect(processIdentity(last)).toBeUndefined();
    expect(readPostmasterFile(cluster())).toBeUndefined(); // nothing started it again
  });

  it('waits for the orphaned backends of a killed server before it starts a new one, and in the end kills them', async () => {
    const server = await startWarm();
    await addRow(server.url);
    const busy = await connect({ url: server.url, name: 'busy' });
    // A backend in a computation does not look at its postmaster: it outlives it.
    const work = busy.query('select sum(n) from generate_series(1, 100000000) n').catch((error: Error) => error.message);
    await sleep(100);
    const [{ pid: backend } = { pid: 0 }] = await queryAt<{ pid: number }>(server.url, `select pid from pg_stat_activity where application_name = 'busy'`);
    const pid = pidOf();
    process.kill(pid, 'SIGKILL');
    await until(() => processIdentity(pid) === undefined);
    expect(processIdentity(backend)).toBeDefined();
    await until(() => pidOf() !== pid && readPostmasterFile(cluster())?.status === 'ready');
    expect(processIdentity(backend)).toBeUndefined();
    expect(await countRows(server.url)).toBe('1');
    await work;
    await busy.end().catch(() => undefined);
  });

  it('refuses a second starter in one line that names the holder, and harms nobody', async () => {
    const first = await startWarm();
    first.announce('http://127.0.0.1:3999');
    const error = await startEmbedded({ dataDir, binDir: OTHER_SERVER }).then(() => undefined, (e: Error) => e);
    expect(error?.toString()).toMatch(
      new RegExp(`^EmbeddedServerError: The data folder ${dataDir} is in use by process ${process.pid}, since \\d{4}-.*Z, serving http://127\\.0\\.0\\.1:3999\\. Stop that one first, or set INGOT_DATA_DIR to another folder\\.$`),
    );
    expect(await queryAt(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await first.stop();
    await start();
  });

  it('adopts a server that a killed service left behind, and stops it in the end', async () => {
    copySeed();
    const passwords = JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8')) as { postgres: string };
    const orphan = await startPostmaster(await openCluster({ dir: cluster(), logFile: path.join(dataDir, 'postgres.log'), superuserPassword: passwords.postgres, binDir: OTHER_SERVER }));
    const server = await start();
    expect(server.adopted).toBe(true);
    expect(new URL(server.url).port).toBe(String(orphan.port));
    process.kill(orphan.pid, 'SIGKILL'); // an adopted one is watched too
    await until(() => pidOf() !== orphan.pid && readPostmasterFile(cluster())?.status === 'ready');
    expect(await queryAt(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
    expect(readPostmasterFile(cluster())).toBeUndefined();
  });

  it('does not trust a running server whose password is another', async () => {
    copySeed();
    const file = path.join(dataDir, 'passwords.json');
    const passwords = JSON.parse(readFileSync(file, 'utf8')) as { postgres: string };
    const orphan = await startPostmaster(await openCluster({ dir: cluster(), logFile: path.join(dataDir, 'postgres.log'), superuserPassword: passwords.postgres, binDir: OTHER_SERVER }));
    writeFileSync(file, JSON.stringify({ ...passwords, postgres: 'wrong' }));
    await expect(start()).rejects.toThrow(/^Process \d+ on port \d+ looks like the server of .*, but password authentication failed.*: stop it first, by hand\.$/);
    expect(processIdentity(orphan.pid)).toBeDefined();
    await orphan.stop();
  });

  it('ignores a pid file whose pid now belongs to somebody else', async () => {
    const first = await startWarm();
    await addRow(first.url);
    const text = readFileSync(path.join(cluster(), 'postmaster.pid'), 'utf8');
    await first.stop();
    // Of the server's own user: the server itself sees through a process of anybody else.
    const { uid, gid } = statSync(cluster());
    const stranger = spawn('sleep', ['60'], { cwd: '/', ...(process.getuid?.() === 0 ? { uid, gid } : {}) });
    writeFileSync(path.join(cluster(), 'postmaster.pid'), text.replace(/^\d+/, String(stranger.pid)));
    try {
      const second = await start();
      expect(second.adopted).toBe(false);
      expect(await countRows(second.url)).toBe('1');
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  it('completes a first start that was killed before the service had its role and database', async () => {
    mkdirSync(dataDir);
    writeFileSync(path.join(dataDir, 'passwords.json'), JSON.stringify({ postgres: 'one', ingot: "o'two" }));
    await openCluster({ dir: cluster(), logFile: path.join(dataDir, 'postgres.log'), superuserPassword: 'one', binDir: OTHER_SERVER });
    const server = await start();
    expect(await queryAt(server.url, 'select current_user as role')).toEqual([{ role: 'ingot' }]);
    expect(statSync(path.join(dataDir, 'passwords.json')).mode & 0o777).toBe(0o600);
  });

  it('clears away what a killed initdb left', async () => {
    mkdirSync(path.join(dataDir, 'postgres.init-0123'), { recursive: true });
    writeFileSync(path.join(dataDir, 'postgres.init-0123', 'PG_VERSION'), '18\n');
    writeFileSync(path.join(dataDir, 'postgres.init-0123.password'), 'old');
    await start();
    expect(readdirSync(dataDir).filter((name) => name.includes('init'))).toEqual([]);
  });

  it('says in one line which major version is there, and leaves it alone', async () => {
    mkdirSync(cluster(), { recursive: true });
    writeFileSync(path.join(cluster(), 'PG_VERSION'), '12\n');
    writeFileSync(path.join(dataDir, 'passwords.json'), JSON.stringify({ postgres: 'one', ingot: 'two' }), { mode: 0o600 });
    await expect(start()).rejects.toThrow(/^\S.*postgres holds a database of PostgreSQL 12, and this release of Ingot ships PostgreSQL 1\d: run `ingot upgrade`, which moves it, or set INGOT_DATA_DIR to another folder\.$/);
    expect(readdirSync(cluster())).toEqual(['PG_VERSION']);
    await expect(start()).rejects.toThrow(/PostgreSQL 12/); // not: in use
  });

  it('says in one line that a folder is something else, cannot be made, or lost its passwords', async () => {
    mkdirSync(cluster(), { recursive: true });
    writeFileSync(path.join(cluster(), 'letter.txt'), 'dear all');
    await expect(start()).rejects.toThrow(/^.*postgres is not empty and holds no PostgreSQL database: .*$/);
    writeFileSync(path.join(cluster(), 'PG_VERSION'), '18\n');
    rmSync(path.join(dataDir, 'passwords.json'));
    await expect(start()).rejects.toThrow(/^.*passwords\.json, which holds the passwords .* is gone or damaged: put it back from a backup\.$/);
    await expect(start({ dataDir: path.join(cluster(), 'letter.txt', 'sub') })).rejects.toThrow(/^Cannot make the data folder .*ENOTDIR.*$/);
    if (process.platform === 'linux') await expect(start({ dataDir: '/proc/ingot/data' })).rejects.toThrow(/^Cannot make the data folder \/proc\/ingot\/data .*ENOENT.*$/);
  });

  it('gives a wrong setting back as the one line of the server, and leaves nothing running', async () => {
    copySeed();
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(/^PostgreSQL did not start \(exit code 1\): .*invalid value for parameter "shared_buffers": "plenty"; see .*postgres\.log$/);
    expect(readPostmasterFile(cluster())).toBeUndefined();
  });

  it('says in one line that no server is installed in the given folder', async () => {
    await expect(start({ binDir: path.join(folder, 'nothing') })).rejects.toThrow(/nothing\/postgres is no PostgreSQL server: .*ENOENT$/);
  });

  it('gives up a start that is called off', async () => {
    copySeed();
    const controller = new AbortController();
    const starting = start({ signal: controller.signal });
    controller.abort();
    await expect(starting).rejects.toThrow(/aborted/);
    expect(readPostmasterFile(cluster())).toBeUndefined();
    await start();
  });

  it('works in a folder that only its owner may enter', async () => {
    chmodSync(folder, 0o700);
    const server = await start();
    await addRow(server.url);
    const pid = pidOf();
    process.kill(pid, 'SIGKILL');
    await until(() => pidOf() !== pid && readPostmasterFile(cluster())?.status === 'ready');
    expect(await countRows(server.url)).toBe('1');
    await server.stop();
    expect(existsSync(path.join(cluster(), 'postmaster.pid'))).toBe(false);
  });
});

import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded } from '@ingot/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCheckout, postmasterOf, start, type Checkout, type Start, type StartOptions } from './checkout.js';

describe('npm start', () => {
  let checkout: Checkout;
  let dataDir: string;
  let running: Start[] = [];
  beforeAll(() => {
    checkout = makeCheckout();
    dataDir = path.join(checkout.root, '.ingot');
  });
  afterEach(async () => {
    for (const one of running) {
      kill(one, 'SIGTERM');
      await one.exit;
    }
    running = [];
  });
  afterAll(() => checkout.remove());

  function begin(options: Partial<StartOptions> = {}): Start {
    const one = start(checkout, { dataDir, ...options });
    running.push(one);
    return one;
  }

  /** To the whole group, as a terminal does; gone already is fine. */
  function kill(one: Start, signal: NodeJS.Signals): void {
    if (one.process.pid === undefined) return; // process 0 would be ourselves
    try {
      process.kill(-one.process.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  function killPostmaster(): void {
    const pid = postmasterOf(dataDir);
    if (pid === undefined) throw new Error(`no PostgreSQL runs in ${dataDir}`);
    process.kill(pid, 'SIGKILL');
  }

  const post = async (url: string, lines: string) => {
    const answer = await fetch(`${url}/data`, { method: 'POST', body: lines });
    return { status: answer.status, text: await answer.text() };
  };
  const DAY = 1_649_894_400; // 2022-04-14
  const valuesAt = async (url: string): Promise<number[]> => {
    const answer = await fetch(`${url}/data?from=2022-04-14&to=2022-04-15&name=Seq`);
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { value: number }[]).map((item) => item.value);
  };

  /** Posts one line after the other until it fails; gives the numbers that were acknowledged. */
  async function postUntilItFails(url: string, from: number): Promise<number[]> {
    const acknowledged: number[] = [];
    for (let n = from; ; n++) {
      const status = await post(url, `${DAY + (n % 86_400)} Seq ${n}`).then((answer) => answer.status, () => 0);
      if (status !== 200) return acknowledged;
      acknowledged.push(n);
    }
  }

  let acknowledged: number[] = [];

  it('builds, makes the database, serves, and says where and what next', async () => {
    const one = begin({ npm: true });
    const url = await one.ready();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await sleep(20);
    expect(one.said().slice(0, 2)).toEqual(['Building...', `Creating the database in ${dataDir}/postgres (once)...`]);
    expect(one.said().slice(2)).toEqual([
      expect.stringMatching(/^Ingot \d+\.\d+\.\d+ serves http/),
      `  data: ${dataDir}`,
      expect.stringMatching(new RegExp(`^  next: curl --data-binary '\\d+ temperature 21\\.5' ${url}/data$`)),
    ]);
    expect(await post(url, `${DAY} Seq 1\n${DAY} Voltage 1.34\n`)).toEqual({ status: 200, text: '{"success":true}' });
    expect(await valuesAt(url)).toEqual([1]);
    acknowledged.push(1);

    const postmaster = postmasterOf(dataDir);
    kill(one, 'SIGINT'); // Ctrl-C in a terminal. With which code the shell between npm and us ends is the shell's affair.
    await one.exit;
    expect(one.output.stderr).toContain('Stopping');
    expect(postmasterOf(dataDir)).toBeUndefined();
    expect(postmaster).toBeDefined();
    expect(await hasEnded(postmaster ?? 0)).toBe(true);
  });

  it('is quick the second time, and everything is there', async () => {
    const begun = Date.now();
    const url = await begin({ npm: true }).ready();
    process.stdout.write(`warm npm start: ready after ${Date.now() - begun} ms\n`);
    expect(await valuesAt(url)).toEqual(acknowledged);
    expect(running[0]?.said()[0]).toMatch(/^Ingot /);
    running[0]?.process.kill('SIGTERM'); // to npm alone, as a supervisor does: npm ends its shell and tells us nothing
    await running[0]?.exit; // also waits for the service, which holds the same stderr
    expect(postmasterOf(dataDir)).toBeUndefined();
    await expect(fetch(url)).rejects.toThrow();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 on %s, its server gone', async (signal) => {
    const one = begin();
    await one.ready();
    kill(one, signal);
    expect(await one.exit).toEqual([0, null]);
    expect(postmasterOf(dataDir)).toBeUndefined();
    expect(one.said().filter((line) => line.startsWith('Stopping'))).toEqual(['Stopping (once more to stop at once)...']);
    expect(one.output.stdout).not.toMatch(/"level":"(warn|error)"/); // as of a session that is still open when its server ends
  });

  it.each([
    ['the service', (one: Start) => kill(one, 'SIGKILL')],
    ['the service, then Postgres', (one: Start) => { kill(one, 'SIGKILL'); killPostmaster(); }],
    ['Postgres, then the service', (one: Start) => { killPostmaster(); kill(one, 'SIGKILL'); }],
  ])('after kill -9 of %s, everything acknowledged is there, once', async (_, crash) => {
    const one = begin();
    const url = await one.ready();
    const first = Math.max(...acknowledged) + 10;
    const posting = postUntilItFails(url, first);
    await sleep(300);
    crash(one);
    const now = await posting;
    await one.exit;
    expect(now.length).toBeGreaterThan(0);
    acknowledged = acknowledged.concat(now);

    const values = await valuesAt(await begin().ready());
    expect(new Set(values).size).toBe(values.length); // none twice
    expect(values).toEqual(expect.arrayContaining(acknowledged));
    const unanswered = values.filter((n) => !acknowledged.includes(n));
    expect(unanswered.length).toBeLessThanOrEqual(1); // the one under way
    acknowledged = values;
  });

  it('serves on after kill -9 of Postgres, without a restart of its own', async () => {
    const one = begin();
    const url = await one.ready();
    killPostmaster();
    const begun = Date.now();
    let status = 0;
    for (; status !== 200 && Date.now() - begun < 20_000; await sleep(50)) status = (await post(url, `${DAY} Seq 0`)).status;
    process.stdout.write(`kill -9 of Postgres: acknowledging again after ${Date.now() - begun} ms\n`);
    expect(status).toBe(200);
    expect(await valuesAt(url)).toEqual(expect.arrayContaining([0, ...acknowledged]));
    expect(one.process.exitCode).toBeNull();
    acknowledged = await valuesAt(url);
  });

  it('answers what is under way when it is told to stop', async () => {
    const one = begin();
    const url = await one.ready();
    const first = Math.max(...acknowledged) + 10;
    const writers = Array.from({ length: 4 }, (_, writer) => postUntilItFails(url, first + writer * 1_000_000));
    await sleep(300);
    kill(one, 'SIGTERM');
    const now = (await Promise.all(writers)).flat();
    await one.exit;
    expect(one.said().slice(3)).toEqual(['Stopping (once more to stop at once)...']);
    expect(await one.exit).toEqual([0, null]);
    expect(postmasterOf(dataDir)).toBeUndefined();
    acknowledged = acknowledged.concat(now).sort((a, b) => a - b);
    const values = await valuesAt(await begin().ready());
    expect(values.sort((a, b) => a - b)).toEqual(acknowledged); // and nothing that was not acknowledged
  });

  it('names the holder when the data folder is in use, and harms nobody', async () => {
    const url = await begin().ready();
    const before = await valuesAt(url);
    const second = begin({ npm: true });
    expect(await second.exit).toEqual([1, null]);
    expect(second.said()).toEqual([expect.stringMatching(new RegExp(`^ingot: The data folder ${dataDir} is in use by process ${running[0]?.process.pid}, since \\S+, serving ${url}\\. Stop that one first`))]);
    expect(await valuesAt(url)).toEqual(before);
  });

  describe('ends with 1 and one clear line, and leaves nothing running, when', () => {
    async function failure(options: Partial<StartOptions>): Promise<string | undefined> {
      const one = begin(options);
      expect(await one.exit).toEqual([1, null]);
      expect(one.said()).toHaveLength(1);
      expect(postmasterOf(options.dataDir ?? dataDir)).toBeUndefined();
      return one.said()[0];
    }

    it('the port is taken', async () => {
      const other = net.createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => other.once('listening', resolve));
      const { port } = other.address() as net.AddressInfo;
      expect(await failure({ env: { PORT: String(port) } })).toMatch(new RegExp(`^ingot: .*127\\.0\\.0\\.1:${port} is taken`));
      other.close();
    });

    it('the database of DATABASE_URL cannot be reached', async () => {
      const untouched = path.join(checkout.root, 'never made');
      const line = await failure({ npm: true, dataDir: untouched, env: { DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/db' } });
      expect(line).toMatch(/^ingot: DATABASE_URL: cannot connect to postgres:\/\/me:\*\*\*@127\.0\.0\.1:1\/db: .*ECONNREFUSED/);
      expect(existsSync(untouched)).toBe(false);
    });

    it('a variable is wrong', async () => {
      expect(await failure({ env: { PORT: 'eighty' } })).toMatch(/^ingot: PORT="eighty": /);
      expect(await failure({ env: { INGOT_DATADIR: 'x' } })).toMatch(/^ingot: INGOT_DATADIR: unknown variable/);
    });

    it('the data folder holds another major version', async () => {
      const old = path.join(checkout.root, 'old data');
      mkdirSync(path.join(old, 'postgres'), { recursive: true });
      writeFileSync(path.join(old, 'postgres', 'PG_VERSION'), '14\n');
      writeFileSync(path.join(old, 'passwords.json'), '{"postgres":"a","ingot":"b"}');
      expect(await failure({ dataDir: old })).toMatch(/^ingot: .*old data\/postgres holds a database of PostgreSQL 14, and this release of Ingot ships PostgreSQL \d+: /);
      expect(readFileSync(path.join(old, 'postgres', 'PG_VERSION'), 'utf8')).toBe('14\n');
    });

    it('the data folder cannot be made', async () => {
      expect(await failure({ dataDir: path.join(checkout.root, 'package.json', 'data') })).toMatch(/^ingot: Cannot make the data folder /);
    });
  });

  const [uid = 0, gid = 0] = /^nobody:[^:]*:(\d+):(\d+)/m.exec(existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '')?.slice(1).map(Number) ?? [];
  // Started by root in a clone that others cannot read, there is no ordinary user to try it as.
  const canTry = process.getuid?.() === 0 && uid !== 0 && spawnSync('/bin/ls', [path.resolve('node_modules')], { uid, gid }).status === 0;
  (canTry ? it : it.skip)('works as an ordinary user', async () => {
    const own = path.join(checkout.root, 'own data');
    mkdirSync(own, { mode: 0o700 });
    chownSync(own, uid, gid);
    const url = await begin({ dataDir: own, user: { uid, gid } }).ready();
    expect((await post(url, `${DAY} Seq 5`)).status).toBe(200);
    expect(await valuesAt(url)).toEqual([5]);
    expect(statSync(path.join(own, 'postgres')).uid).toBe(uid);
  });
});

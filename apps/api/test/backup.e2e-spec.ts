import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const DAY = 1_649_894_400; // 2022-04-14
const WRITERS = 4;
const LOADED = 60; // acknowledged lines before the backup begins

// The embedded server ships no pg_dump; where a whole PostgreSQL is installed, as Debian lays it out, its tools are the judges.
const tools = [process.env.INGOT_TEST_PG_BIN ?? '', ...versions().map((version) => `/usr/lib/postgresql/${version}/bin`)].find((folder) =>
  ['postgres', 'pg_dump', 'pg_restore', 'pg_basebackup'].every((program) => folder !== '' && existsSync(path.join(folder, program))),
);

function versions(): number[] {
  const root = '/usr/lib/postgresql';
  return existsSync(root) ? readdirSync(root).map(Number).filter((version) => version >= 15 && version <= 18).sort((a, b) => b - a) : [];
}

(tools === undefined ? describe.skip : describe)('a backup taken under load, restored on another cluster', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  const opened = <T>(value: T, close: (value: T) => Promise<unknown>): T => {
    closing.push(() => close(value));
    return value;
  };
  const cluster = async (fill?: (dir: string) => void): Promise<TestCluster> => opened(await startTestCluster({ durable: false, binDir: tools, fill }), (it) => it.stop());
  const service = async (url: string): Promise<RunningService> => opened(await startService(url, { INGOT_FRESHNESS_WAIT_MS: '60000' }), (it) => it.stop());
  const post = (url: string, n: number): Promise<Response> => fetch(`${url}/data`, { method: 'POST', body: `${DAY + n} Seq ${n}` });

  /** Posts by several writers until it is stopped. What was acknowledged, in the order in which it was. */
  function load(url: string): { acknowledged: number[]; sent: Set<number>; stop: () => Promise<void> } {
    const [acknowledged, sent] = [[] as number[], new Set<number>()];
    let stopped = false;
    let next = 0;
    const writers = Array.from({ length: WRITERS }, async () => {
      while (!stopped) {
        const n = next++;
        sent.add(n);
        const answer = await post(url, n);
        await answer.arrayBuffer();
        if (answer.status === 200) acknowledged.push(n);
      }
    });
    const stop = async (): Promise<void> => {
      stopped = true;
      await Promise.all(writers);
    };
    return { acknowledged, sent, stop };
  }
  const reached = async (list: readonly unknown[], count: number): Promise<void> => {
    while (list.length < count) await new Promise(setImmediate);
  };

  /** A program of PostgreSQL, beside what this process goes on doing. */
  async function tool(program: string, ...args: string[]): Promise<void> {
    const child = spawn(path.join(tools!, program), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect({ program, code, said }).toEqual({ program, code: 0, said: expect.any(String) });
  }

  const valuesOf = async (url: string): Promise<number[]> => {
    const answer = await fetch(`${url}/data?from=2022-04-14&to=2022-04-15&name=Seq`);
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { value: number }[]).map(({ value }) => value);
  };

  /** Every line acknowledged before is there once, none that was never sent, and new lines flow. */
  async function judge(url: string, before: readonly number[], sent: ReadonlySet<number>): Promise<void> {
    const restored = await valuesOf(url);
    expect(new Set(restored).size).toBe(restored.length);
    expect(restored.filter((value) => !sent.has(value))).toEqual([]);
    expect(before.filter((value) => !restored.includes(value))).toEqual([]);
    const fresh = [90_000, 90_001];
    for (const n of fresh) expect((await post(url, n)).status).toBe(200);
    expect((await valuesOf(url)).length).toBe(restored.length + fresh.length);
  }

  it('by pg_dump: a database of its own, whose transaction ids are another cluster\'s', async () => {
    const source = opened(await createTestDatabase((await cluster()).url), (it) => it.drop());
    const first = await service(source.url);
    const { acknowledged, sent, stop } = load(first.url);
    await reached(acknowledged, LOADED);
    const before = [...acknowledged];
    const elsewhere = await cluster();
    const file = path.join(path.dirname(elsewhere.dir), 'ingot.dump');
    await tool('pg_dump', '--format=custom', `--file=${file}`, source.url);
    await stop();
    expect(acknowledged.length).toBeGreaterThan(before.length); // there was load meanwhile

    const target: TestDatabase = opened(await createTestDatabase(elsewhere.url), (it) => it.drop());
    await target.query('drop schema gold, silver, bronze, ingot cascade; drop table public.ingot_migrations');
    await tool('pg_restore', '--exit-on-error', '--single-transaction', `--dbname=${target.url}`, file);
    const second = await service(target.url);
    expect(second.output.stdout).toContain('restored from another PostgreSQL cluster: transaction ids are shifted by');
    await judge(second.url, before, sent);
    expect(await target.query('select count(*)::int as twice from (select line from bronze.raw_readings group by line having count(*) > 1) as lines')).toEqual([{ twice: 0 }]);
  });

  it('by pg_basebackup: the whole cluster', async () => {
    const home = await cluster();
    const source = opened(await createTestDatabase(home.url), (it) => it.drop());
    const first = await service(source.url);
    const { acknowledged, sent, stop } = load(first.url);
    await reached(acknowledged, LOADED);
    const before = [...acknowledged];
    const copy = `${home.dir}.copy`;
    await tool('pg_basebackup', `--pgdata=${copy}`, '--wal-method=stream', '--checkpoint=fast', `--dbname=${home.url}`);
    await stop();
    expect(acknowledged.length).toBeGreaterThan(before.length);
    await first.stop();

    const restored = await cluster((dir) => {
      expect(spawnSync('cp', ['-a', copy, dir]).status).toBe(0);
      expect(spawnSync('chown', ['-R', `--reference=${home.dir}`, dir]).status).toBe(0);
      rmSync(copy, { recursive: true });
    });
    const second = await service(Object.assign(new URL(source.url), { port: String(restored.port) }).toString());
    expect(second.output.stdout).not.toContain('restored from another PostgreSQL cluster'); // it is the same
    await judge(second.url, before, sent);
  });
});

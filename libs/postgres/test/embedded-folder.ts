import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryAt } from '@ingot/testing';
import { startEmbedded, type EmbeddedServer, type EmbeddedServerOptions } from '../src/embedded/embedded-server.js';
import { readPostmasterFile } from '../src/embedded/postmaster-file.js';

/** Another PostgreSQL's bin folder than the one that is shipped, if the test run names one. */
export const OTHER_SERVER = process.env.INGOT_TEST_PG_BIN;

/** A data folder that was made once, for copies of it: 0.1 s instead of 0.9. */
export class Seed {
  private constructor(private readonly folder: string) {}

  static async make(): Promise<Seed> {
    const folder = mkdtempSync(path.join(tmpdir(), 'ingot-embedded-seed-'));
    chmodSync(folder, 0o755);
    await (await startEmbedded({ dataDir: path.join(folder, 'data'), binDir: OTHER_SERVER })).stop();
    return new Seed(folder);
  }

  copyTo(dataDir: string): void {
    const { status, stderr } = spawnSync('cp', ['-a', path.join(this.folder, 'data'), dataDir], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A data folder of one test, not made yet, and the servers that the test starts in it; ended by close(). */
export class EmbeddedFolder {
  readonly root = mkdtempSync(path.join(tmpdir(), 'ingot embedded '));
  readonly dataDir = path.join(this.root, 'data');
  private readonly servers: EmbeddedServer[] = [];

  constructor(private readonly seed: Seed) {
    chmodSync(this.root, 0o755);
  }

  async start(options: Partial<EmbeddedServerOptions> = {}): Promise<EmbeddedServer> {
    const server = await startEmbedded({ dataDir: this.dataDir, binDir: OTHER_SERVER, ...options });
    this.servers.push(server);
    return server;
  }

  /** As start(), on a copy of the seed. */
  async startWarm(options: Partial<EmbeddedServerOptions> = {}): Promise<EmbeddedServer> {
    this.copySeed();
    return this.start(options);
  }

  copySeed(): void {
    this.seed.copyTo(this.dataDir);
  }

  get cluster(): string {
    return path.join(this.dataDir, 'postgres');
  }

  get log(): string {
    return path.join(this.dataDir, 'postgres.log');
  }

  get passwordFile(): string {
    return path.join(this.dataDir, 'passwords.json');
  }

  passwords(): { readonly postgres: string; readonly ingot: string } {
    return JSON.parse(readFileSync(this.passwordFile, 'utf8')) as { postgres: string; ingot: string };
  }

  superuserOf(server: EmbeddedServer): string {
    const { postgres } = this.passwords();
    return Object.assign(new URL(server.url), { username: 'postgres', password: postgres, pathname: '/postgres' }).toString();
  }

  /** Of the postmaster that its pid file names. */
  pid(): number {
    const pid = readPostmasterFile(this.cluster)?.pid;
    if (pid === undefined) throw new Error(`no PostgreSQL runs in ${this.cluster}`);
    return pid;
  }

  /** Until another postmaster than that one serves. */
  async untilReplaced(before: number): Promise<void> {
    for (const end = Date.now() + 15_000; ; await sleep(20)) {
      const now = readPostmasterFile(this.cluster);
      if (now?.status === 'ready' && now.pid !== before) return;
      if (Date.now() > end) throw new Error(`no other PostgreSQL than process ${before} serves in ${this.cluster}`);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    rmSync(this.root, { recursive: true, force: true });
  }
}

export const addRow = (url: string): Promise<unknown> => queryAt(url, 'create table if not exists public.kept (n int); insert into public.kept values (1)');
export const countRows = async (url: string): Promise<string | undefined> => (await queryAt<{ count: string }>(url, 'select count(*) from public.kept'))[0]?.count;

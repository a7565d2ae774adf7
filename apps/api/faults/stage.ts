import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from '@jest/globals';
import { createTestDatabase, openProxy, serviceLogins, startTestCluster, type Proxy, type TestCluster, type TestClusterOptions, type Watch } from '@ingot/testing';
import type { QueryResultRow } from 'pg';
import { launchService, type LaunchedService } from '../test/service.js';
import { Ledger } from './ledger.js';
import { Load, untilAcknowledging, type LoadOptions } from './load.js';
import { ask, judge } from './oracle.js';
import { patience } from './options.js';
import type { Random } from './random.js';
import type { CaseRecord } from './record.js';

/** P6: no case may take a service beyond this. */
const MEMORY_CAP_MB = 600;
const CATCH_UP_MS = 60_000;

export interface StageOptions {
  /** The server to use; default: one of its own. */
  cluster?: TestCluster;
  settings?: TestClusterOptions;
  /** Sees what goes between service and database. */
  watch?: Watch;
  /** Services go past the proxy: where the clients of this process leave it no time to pass bytes on. */
  direct?: boolean;
  /** Of every service of the stage. */
  env?: Record<string, string>;
}

/** What a case plays on: a PostgreSQL that keeps its promises (fsync), a proxy before it, a port for the service, a ledger. */
export class Stage {
  readonly ledger: Ledger;
  /** The service that was launched last. */
  service?: LaunchedService;
  private readonly launched: LaunchedService[] = [];
  private readonly loads: Load[] = [];

  private constructor(
    readonly folder: string,
    readonly cluster: TestCluster,
    private readonly ownsCluster: boolean,
    /** Past the proxy. */
    readonly databaseUrl: string,
    readonly proxy: Proxy,
    private readonly port: number,
    /** What services are given as the address of the database. */
    private readonly servedUrl: string,
    private readonly env: Record<string, string>,
  ) {
    this.ledger = new Ledger(path.join(folder, 'ledger.tsv'));
  }

  static async open({ cluster, settings, watch, direct = false, env = {} }: StageOptions = {}): Promise<Stage> {
    const folder = mkdtempSync(path.join(tmpdir(), 'ingot-faults-'));
    chmodSync(folder, 0o755); // started by root, an embedded server runs as somebody else and must get through
    const used = cluster ?? (await startTestCluster(settings));
    const database = await createTestDatabase(used.url);
    const proxy = await openProxy(database.url, watch);
    return new Stage(folder, used, cluster === undefined, database.url, proxy, await freePort(), direct ? database.url : proxy.url, env);
  }

  /** Where each service of the stage listens. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts a service and does not wait for it. */
  launch(env: Record<string, string> = {}, before: readonly string[] = []): LaunchedService {
    const service = this.launchBeside({ PORT: String(this.port), ...env }, before);
    this.service = service;
    return service;
  }

  /** Starts a further service, on a port of its own. */
  launchBeside(env: Record<string, string> = {}, before: readonly string[] = []): LaunchedService {
    const { ingest, read, run } = serviceLogins(this.servedUrl);
    const database = { DATABASE_URL: this.servedUrl, DATABASE_INGEST_URL: ingest, DATABASE_READ_URL: read, DATABASE_RUN_URL: run, INGOT_APPLY: 'auto' };
    // Who brings a data folder has a server of his own there.
    const given = env.INGOT_DATA_DIR === undefined ? database : {};
    const service = launchService({ ...given, INGOT_LOG_LEVEL: 'warn', ...this.env, ...env }, before);
    this.launched.push(service);
    return service;
  }

  /** Starts a service and waits until it serves, and stores: it listens before its writers are connected. */
  async serve(env?: Record<string, string>, before?: readonly string[]): Promise<LaunchedService> {
    const service = this.launch(env, before);
    await untilAcknowledging(await service.ready, this.ledger, performance.now(), patience(5_000));
    return service;
  }

  load(random: Random, options: Partial<LoadOptions> = {}): Load {
    const load = new Load({ url: this.url, ledger: this.ledger, random, writers: 4, ...options });
    this.loads.push(load);
    return load;
  }

  /** P5: posts until a fresh line is acknowledged, and records how long after `since` (performance.now()) that was. */
  async recover(record: CaseRecord, since: number): Promise<void> {
    record.recoveries.push(Math.round(await untilAcknowledging(this.url, this.ledger, since, patience(5_000))));
  }

  /** P1 to P4 of everything sent so far, and P6. The load has stopped and a service serves. */
  async judge(record: CaseRecord): Promise<void> {
    record.accept(await judge(this.url, this.databaseUrl, this.ledger.read(), CATCH_UP_MS));
    this.expectWell(record);
  }

  /** P6: it lives, has used no more memory than it may, and nothing was thrown that nobody caught. */
  expectWell(record: CaseRecord, service = this.service): void {
    expect(service?.process.exitCode ?? service?.process.signalCode ?? null).toBeNull();
    expect(service?.output.stderr).not.toMatch(/uncaught|unhandled|^\s+at /im);
    expect(service?.output.stdout).not.toContain('"msg":"request failed"');
    const megabytes = peakMegabytes(service?.process.pid);
    if (megabytes === undefined) return;
    record.note(`peak memory ${megabytes} MB`);
    expect(megabytes).toBeLessThan(MEMORY_CAP_MB);
  }

  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
    return ask<Row>(this.databaseUrl, text, values);
  }

  /** As the superuser: nobody else sees what the sessions of every login do, and may end them. */
  queryAll<Row extends QueryResultRow>(text: string): Promise<Row[]> {
    const url = new URL(this.cluster.url);
    url.pathname = new URL(this.databaseUrl).pathname;
    return ask<Row>(url.href, text);
  }

  async close(): Promise<void> {
    for (const { process: child } of this.launched) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await Promise.all(this.loads.map((load) => load.stop())); // of a case that has failed
    await this.proxy.close();
    if (this.ownsCluster) await this.cluster.stop();
    this.ledger.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** The most memory a process has held so far; undefined where /proc does not say. */
export function peakMegabytes(pid: number | undefined): number | undefined {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024);
  } catch {
    return undefined;
  }
}

/** A port of 127.0.0.1 that was free a moment ago: a service that is started again must be found where it was. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

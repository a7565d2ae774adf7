import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../../src/apply.js';
import { readPlan, type Plan } from '../../src/plan.js';
import { interleavedDataset } from './project.js';

/** A database with the applied dataset, writers with their open transactions, and sessions that run and apply. */
export class World {
  readonly open = new Set<Client>();
  /** Whether rules have been applied that let more rows pass. */
  /** What each action has done, in order: printed when a history fails. */
  readonly log: string[] = [];
  private runners: (Client | undefined)[] = [];
  private readonly pids = new Map<Client, number>();
  private readonly plans = new Map<Client, Plan>();

  private constructor(
    readonly db: TestDatabase,
    readonly writers: readonly Client[],
    readonly judge: Client,
    public dataset: Dataset,
  ) {}

  static async create(): Promise<World> {
    const db = await createTestDatabase();
    const [judge, ...writers] = await Promise.all([db.session('judge'), db.session('writer'), db.session('writer'), db.session('writer')]);
    const world = new World(db, writers, judge, await interleavedDataset());
    try {
      await apply(await world.runner(0), world.dataset);
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  /** A session that runs or applies; a new one in the place of one that has died. */
  async runner(number: number): Promise<Client> {
    const known = this.runners[number];
    if (known !== undefined) return known;
    const client = await this.db.session(`runner ${number}`);
    client.on('error', () => undefined);
    await client.query('set jit = off');
    this.pids.set(client, (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid);
    this.runners[number] = client;
    return client;
  }

  /** The server ends the session, amid whatever it does. */
  async kill(client: Client): Promise<void> {
    await this.judge.query('select pg_terminate_backend($1, 5000)', [this.pids.get(client)]);
  }

  async bury(client: Client): Promise<void> {
    this.runners = this.runners.map((runner) => (runner === client ? undefined : runner));
    this.plans.delete(client);
    await client.end().catch(() => undefined);
  }

  async plan(client: Client): Promise<Plan> {
    let plan = this.plans.get(client);
    if (plan?.dataset !== this.dataset) this.plans.set(client, (plan = await readPlan(client, this.dataset)));
    return plan;
  }

  /** Other files are applied now. */
  changed(dataset: Dataset): void {
    this.dataset = dataset;
    this.plans.clear();
  }

  async end(): Promise<void> {
    await this.db.drop();
  }
}

/**
 * Does something on other sessions just before the session sends its `at`th statement from now, while its transaction
 * stands where it is. `then: 'die'` ends the session there.
 * @returns what the work gave; undefined when the session died on the way
 */
export async function interrupted<T>(world: World, client: Client, at: number, intruder: () => Promise<'go on' | 'die'>, work: () => Promise<T>): Promise<T | undefined> {
  const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
  let sent = 0;
  let dead = false;
  const query = async (...args: unknown[]): Promise<unknown> => {
    if (++sent === at && (await intruder()) === 'die') dead = true;
    return send(...args);
  };
  Object.assign(client, { query });
  try {
    return await work();
  } catch (error) {
    if (!dead) throw error;
    return undefined;
  } finally {
    delete (client as { query?: unknown }).query;
    if (dead) await world.bury(client);
  }
}

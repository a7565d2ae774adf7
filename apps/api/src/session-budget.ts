import type { Config } from '@ingot/config';
import type { Dataset } from '@ingot/datasets';
import { ServerCheckError } from '@ingot/postgres';
import type { ClientBase } from 'pg';

/** Each source has two writers, and one session now and then to settle an unclear COMMIT. */
const SESSIONS_PER_SOURCE = 3;
/** One for runs, one to look at the watermark or to cancel. */
const SESSIONS_PER_RUNNER = 2;

/**
 * The most sessions each part of a process holds on the database at a time. Each has its own, so that none starves
 * another: a read that waits for a connection waits for reads.
 */
export interface SessionBudget {
  readonly ingest: number;
  readonly runs: number;
  /** Partitions, ledgers, summaries of indexes: by the owner of the tables. */
  readonly upkeep: number;
  readonly reads: number;
  /** What limits count. */
  readonly limits: number;
  /** Looks keys up. */
  readonly keys: number;
  readonly health: number;
  readonly metrics: number;
  /** The pages about runs, models and quarantine; one more for the run history. */
  readonly records: number;
  readonly history: number;
  /** LISTEN, where other processes may flush as well. */
  readonly wake: number;
}

export function sessionBudget(config: Pick<Config, 'INGOT_AUTH' | 'INGOT_READ_POOL_MAX' | 'INGOT_ROLE' | 'embedded'>, datasets: readonly Pick<Dataset, 'sources'>[]): SessionBudget {
  const answers = config.INGOT_ROLE !== 'transform';
  return {
    ingest: answers ? SESSIONS_PER_SOURCE * datasets.flatMap(({ sources }) => sources).length : 0,
    runs: SESSIONS_PER_RUNNER * datasets.length,
    upkeep: datasets.length,
    reads: config.INGOT_READ_POOL_MAX,
    limits: answers ? 1 : 0,
    keys: config.INGOT_AUTH === 'required' ? 1 : 0,
    health: 1,
    metrics: 1,
    records: 2,
    history: 1,
    wake: config.embedded ? 0 : 1,
  };
}

/** What server, role and database allow, and what others leave of it; the session that asks is one of ours. */
const LIMITS = `
  select least(server, role, database) as allowed, least(server - server_used, role - role_used, database - database_used) as free
  from (
    select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) as server,
      (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user and $1) as role,
      (select nullif(datconnlimit, -1) from pg_database where datname = current_database()) as database,
      (select sum(numbackends)::int - 1 from pg_stat_database) as server_used,
      (select count(*)::int - 1 from pg_stat_activity where usename = current_user) as role_used,
      (select numbackends - 1 from pg_stat_database where datname = current_database()) as database_used
  ) limits`;

/**
 * Compares the budget with what the server, the database and the role allow.
 * @param oneLogin all sessions are of the login that asks, so that its own limit counts
 * @returns a warning when it does not fit, or does not beside the sessions others hold now
 * @throws ServerCheckError when not even one read at a time would fit beside the rest
 */
export async function checkSessionBudget(client: ClientBase, budget: SessionBudget, oneLogin = true): Promise<string | undefined> {
  const each = Object.entries({ ...budget });
  const total = each.reduce((sum, [, sessions]) => sum + sessions, 0);
  const { rows } = await client.query<{ allowed: number; free: number }>(LIMITS, [oneLogin]);
  const { allowed, free } = rows[0] ?? { allowed: total, free: total };
  const parts = each.filter(([, sessions]) => sessions > 0).map(([name, sessions]) => `${name} ${sessions}`).join(', ');
  const need = `this process may hold ${total} sessions on the database (${parts})`;
  const wayOut = 'lower INGOT_READ_POOL_MAX, or raise max_connections or the CONNECTION LIMIT of role or database';
  if (total - budget.reads + 1 > allowed) throw new ServerCheckError(`DATABASE_URL: ${need}, and ${allowed} are allowed: ${wayOut}`);
  if (total > allowed) return `${need}, and ${allowed} are allowed: under load reads will be refused; ${wayOut}`;
  if (total > free) return `${need}, and others leave ${Math.max(0, free)} of the ${allowed} that are allowed: under load sessions may be refused; ${wayOut}`;
  return undefined;
}

import { ConfigError, type Config } from '@ingot/config';
import { ReadRepository, ReplicaReads, type ConnectionPool, type ReadTarget } from '@ingot/postgres';
import { tmpdir } from 'node:os';
import type { Logger } from './logger.js';
import type { ClosingList } from './shutdown.js';

export interface ReadsOptions {
  readonly config: Config;
  /** Where the primary is read: postgres:// URL. */
  readonly primaryUrl: string;
  /** Where else may be read: a streaming replica, or a pooler before one of the two. */
  readonly replicaUrl?: string | undefined;
  /** Connections to the primary at a time; to the replica as many. */
  readonly max: number;
  readonly logger: Logger;
}

export interface Reads {
  /** What requests are answered with. */
  readonly target: ReadTarget;
  readonly primary: ReadRepository;
  readonly replica?: ReadRepository;
  /** By the name of their sessions. */
  readonly pools: ReadonlyMap<string, ConnectionPool>;
}

/** The sessions' names; the pools' in the metrics too. */
export const READ_SESSIONS = { primary: 'ingot read', replica: 'ingot read replica' } as const;

/** A replica that does not answer must not hold a read for long: the primary is there. */
const REPLICA_ACQUIRE_MS = 500;

/**
 * The repositories that answer GET. They are on the closing list, and the folder for what clients are slow to take is made.
 * @throws ConfigError when nothing can be kept there
 */
export async function openReads({ config, primaryUrl, replicaUrl, max, logger }: ReadsOptions, open: ClosingList): Promise<Reads> {
  const settings = {
    max,
    acquireTimeoutMs: config.INGOT_ACQUIRE_TIMEOUT_MS,
    transactionSeconds: config.INGOT_READ_TX_SECONDS,
    slowMs: config.INGOT_SLOW_QUERY_MS,
    largeReads: config.INGOT_LARGE_READS,
    spool: { folder: config.INGOT_SPOOL_DIR ?? tmpdir(), limitBytes: config.INGOT_SPOOL_READ_BYTES, totalLimitBytes: config.INGOT_SPOOL_TOTAL_BYTES },
  };
  const min = replicaUrl === undefined ? config.INGOT_READ_POOL_MIN : 0;
  const primary = new ReadRepository({ ...settings, url: primaryUrl, name: READ_SESSIONS.primary, min, log: logger });
  open.add(READ_SESSIONS.primary, () => primary.close());
  await primary.prepare().catch((error: Error) => {
    throw new ConfigError([`INGOT_SPOOL_DIR: nothing can be kept there: ${error.message}`]);
  });
  if (replicaUrl === undefined) return { target: primary, primary, pools: new Map([[READ_SESSIONS.primary, primary.pool]]) };

  const log = logger.child({ reads: 'replica' });
  const replica = new ReadRepository({
    ...settings,
    url: replicaUrl,
    name: READ_SESSIONS.replica,
    min: config.INGOT_READ_POOL_MIN,
    acquireTimeoutMs: Math.min(REPLICA_ACQUIRE_MS, settings.acquireTimeoutMs),
    attempts: 1,
    pooled: true,
    room: primary.room,
    log,
  });
  open.add(READ_SESSIONS.replica, () => replica.close());
  const pools = new Map([[READ_SESSIONS.primary, primary.pool], [READ_SESSIONS.replica, replica.pool]]);
  return { target: new ReplicaReads(replica, primary, log), primary, replica, pools };
}

/**
 * Where reads go: DATABASE_READ_URL is a role on the server of DATABASE_URL, or, with another host or port, a server of
 * its own; then its role reads the primary too, which has the same roles and passwords.
 * @param url of the primary
 */
export function readTargets(url: string, readUrl: string): { primaryUrl: string; replicaUrl?: string } {
  const [server, target] = [new URL(url), new URL(readUrl)];
  if (addressOf(server) === addressOf(target)) return { primaryUrl: readUrl };
  const primary = new URL(url); // with its own TLS options
  Object.assign(primary, { username: target.username, password: target.password, pathname: target.pathname });
  return { primaryUrl: primary.toString(), replicaUrl: readUrl };
}

/** A socket folder or another host may be given as a parameter; it counts then. */
function addressOf({ hostname, port, searchParams }: URL): string {
  return `${searchParams.get('host') ?? hostname}:${searchParams.get('port') ?? (port || '5432')}`;
}

import type { Config } from '@ingot/config';
import { connect, isConnectionError, mustBeDirect, ServerCheckError, type ServiceUrls } from '@ingot/postgres';
import { readTargets } from './reads.js';

/** Of each service's login: the setting that names it, its role, and a right without which it can do nothing. */
const SERVICES = {
  ingest: ['DATABASE_INGEST_URL', 'ingot_ingest', `has_table_privilege('bronze.flushes', 'insert')`],
  run: ['DATABASE_RUN_URL', 'ingot_run', `has_table_privilege('ingot.datasets', 'update')`],
  read: ['DATABASE_READ_URL', 'ingot_read', `has_table_privilege('ingot.datasets', 'select')`],
} as const;

/** The URLs of a server that is not ours; a service without a login of its own uses that of DATABASE_URL. */
export function givenUrls(config: Config): ServiceUrls {
  const { DATABASE_URL: owner = '', DATABASE_INGEST_URL: ingest = owner, DATABASE_READ_URL: read = owner, DATABASE_RUN_URL: run = owner } = config;
  return { owner, ingest, read, run };
}

/**
 * Sees to it that the logins of the services can do their work, before the first request finds out: each reaches the
 * database of the owner and has the rights of its role. A replica, or a pooler before one, may be away.
 * @returns warnings about logins that may do more than they should
 * @throws ServerCheckError, one line
 */
export async function checkLogins(urls: ServiceUrls): Promise<string[]> {
  const warnings: string[] = [];
  const home = await identityOf(urls.owner, 'DATABASE_URL', 'true');
  const { primaryUrl, replicaUrl } = readTargets(urls.owner, urls.read);
  for (const [service, url, direct] of [['ingest', urls.ingest, true], ['run', urls.run, true], ['read', primaryUrl, true], ['read', replicaUrl ?? urls.owner, false]] as const) {
    if (url === urls.owner) continue;
    const [variable, role, right] = SERVICES[service];
    const login = await identityOf(url, variable, right, direct).catch((error: ServerCheckError) => {
      if (direct || !isConnectionError(error.cause)) throw error;
      warnings.push(`${error.message}; the primary answers until it can be reached`);
    });
    if (login === undefined) continue;
    if (login.cluster !== home.cluster || login.database !== home.database) throw new ServerCheckError(`${variable}: is another database than that of DATABASE_URL`);
    if (!login.able) throw new ServerCheckError(`${variable}: the login ${login.name} lacks the rights of ${role}: run \`ingot roles\`, which says what to do`);
    if (login.superuser) warnings.push(`${variable}: the login ${login.name} is a superuser, so it protects nothing`);
  }
  return warnings;
}

interface Login {
  readonly name: string;
  readonly cluster: string;
  readonly database: string;
  readonly able: boolean;
  readonly superuser: boolean;
}

async function identityOf(url: string, variable: string, right: string, direct = true): Promise<Login> {
  const client = await connect({ url, name: 'ingot check', pooled: !direct }).catch((error: Error) => {
    throw new ServerCheckError(`${variable}: cannot connect: ${error.message.replaceAll('\n', ' ')}`, { cause: error });
  });
  try {
    if (direct) await mustBeDirect(client, variable);
    const { rows } = await client.query<Login>(
      `select current_user as name, (select system_identifier from pg_control_system())::text as cluster, current_database() as database,
         ${right} as able, (select rolsuper from pg_roles where rolname = current_user) as superuser`,
    );
    return rows[0]!;
  } finally {
    await client.end();
  }
}

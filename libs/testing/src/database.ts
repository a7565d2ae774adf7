import { randomBytes } from 'node:crypto';
import { migrate } from '@ingot/db';
import { connect } from '@ingot/postgres';
import type { Client, QueryResultRow } from 'pg';

/** A fresh, migrated database of the run's throw-away cluster. */
export interface TestDatabase {
  readonly name: string;
  /** Of the role `ingot`, which owns the database and is no superuser. */
  readonly url: string;
  /** The same by the logins of each service, members of `ingot_ingest`, `ingot_read` and `ingot_run`. */
  readonly urls: { readonly ingest: string; readonly read: string; readonly run: string };
  /** Runs one statement on a session of the test's own. */
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** One more session, e.g. to interleave transactions; closed by drop() when the test has not. By the owner, or as a service has it. */
  session(name?: string, as?: keyof TestDatabase['urls']): Promise<Client>;
  /** Drops the database. Throws when the code under test has left a session of its own open: a leak. */
  drop(): Promise<void>;
}

const TEMPLATE = 'ingot_template';
// As the embedded server has it: owner of its database and no superuser, so that a missing right shows in the tests.
const ROLE = 'ingot';
const SERVICES = ['ingest', 'read', 'run'] as const;

/**
 * Clones the migrated template: some 20 to 50 ms. The first caller of a test run makes the template.
 * @param server superuser URL; default: the test run's shared cluster. Give that of a TestCluster to crash it.
 */
export async function createTestDatabase(server = process.env.INGOT_TEST_SERVER_URL): Promise<TestDatabase> {
  if (server === undefined) throw new Error('No test server: name the file *.db-spec.ts or *.e2e-spec.ts, and run it by `npm test`.');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await onServer(server, async (admin) => {
    await admin.query('select pg_advisory_lock(1)'); // one at a time: a template must have no other session
    const { rowCount } = await admin.query('select from pg_database where datname = $1 and not datallowconn', [TEMPLATE]);
    if (rowCount === 0) await makeTemplate(server, admin);
    await admin.query(`create database ${name} template ${TEMPLATE} owner ${ROLE}`);
    await admin.query(`revoke temporary on database ${name} from public; grant temporary on database ${name} to ingot_run`);
  });
  return openDatabase(server, name);
}

async function makeTemplate(server: string, admin: Client): Promise<void> {
  await admin.query(`drop database if exists ${TEMPLATE}`);
  const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [ROLE]);
  if (rowCount === 0) await makeRoles(admin);
  await admin.query(`create database ${TEMPLATE} owner ${ROLE}`);
  await migrate(urlOf(server, TEMPLATE, ROLE));
  await admin.query(`alter database ${TEMPLATE} allow_connections false`);
}

async function makeRoles(admin: Client): Promise<void> {
  await admin.query(`create role ${ROLE} login nosuperuser password '${ROLE}'`);
  for (const service of SERVICES) {
    await admin.query(`create role ingot_${service} nologin`);
    await admin.query(`create role ${loginOf(service)} login nosuperuser password '${loginOf(service)}' in role ingot_${service}`);
  }
  await admin.query(`grant ingot_run to ${ROLE}`);
}

/** The URLs of the services' logins for that of a test database, or of a proxy before it. */
export function serviceLogins(url: string): TestDatabase['urls'] {
  const { pathname } = new URL(url);
  const [ingest, read, run] = SERVICES.map((service) => urlOf(url, pathname.slice(1), loginOf(service))) as [string, string, string];
  return { ingest, read, run };
}

function loginOf(service: (typeof SERVICES)[number]): string {
  return `test_${service}`;
}

function openDatabase(server: string, name: string): TestDatabase {
  const url = urlOf(server, name, ROLE);
  const sessions: Client[] = [];
  let own: Promise<Client> | undefined;
  const session = async (label = 'test', as?: keyof TestDatabase['urls']): Promise<Client> => {
    const client = await connect({ url: as === undefined ? url : serviceLogins(url)[as], name: label });
    sessions.push(client);
    return client;
  };
  return {
    name,
    url,
    urls: serviceLogins(url),
    session,
    async query<Row extends QueryResultRow>(text: string, values?: unknown[]) {
      const client = await (own ??= session());
      return (await client.query<Row>(text, values)).rows;
    },
    async drop() {
      await Promise.all(sessions.map((client) => client.end().catch(() => undefined)));
      await onServer(server, async (admin) => {
        const leaks = await sessionsOf(admin, name);
        await admin.query(`drop database ${name} with (force)`);
        if (leaks.length > 0) throw new Error(`sessions left open: ${leaks.join('; ')}`);
      });
    },
  };
}

/** Sessions still open on the database; one that is just ending gets a second. */
async function sessionsOf(admin: Client, database: string): Promise<string[]> {
  for (let attempt = 0; ; attempt++) {
    const { rows } = await admin.query<{ label: string }>(
      `select application_name || ' (' || coalesce(state, '') || '): ' || left(query, 80) as label
       from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
      [database],
    );
    if (rows.length === 0 || attempt === 20) return rows.map((row) => row.label);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** One query on a session of its own. */
export async function queryAt<Row>(url: string, text: string): Promise<Row[]> {
  const client = await connect({ url, name: 'test' });
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

async function onServer(server: string, work: (admin: Client) => Promise<void>): Promise<void> {
  const admin = await connect({ url: server, name: 'test admin' });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(server: string, database: string, role?: string): string {
  const url = new URL(server);
  if (role !== undefined) Object.assign(url, { username: role, password: role });
  url.pathname = `/${database}`;
  return url.toString();
}

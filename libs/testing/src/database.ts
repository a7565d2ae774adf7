import { randomBytes } from 'node:crypto';
import { migrate } from '@ingot/db';
import { connect } from '@ingot/postgres';
import type { Client, QueryResultRow } from 'pg';

/** A fresh, migrated database of the run's throw-away cluster. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Runs one statement on a session of the test's own. */
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** One more session, e.g. to interleave transactions; closed by drop() when the test has not. */
  session(name?: string): Promise<Client>;
  /** Drops the database. Throws when the code under test has left a session of its own open: a leak. */
  drop(): Promise<void>;
}

const TEMPLATE = 'ingot_template';

/** Clones the migrated template: some 20 to 50 ms. The first caller of a test run makes the template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env.INGOT_TEST_SERVER_URL;
  if (server === undefined) throw new Error('No test server: name the file *.db-spec.ts or *.e2e-spec.ts, and run it by `npm test`.');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await onServer(server, async (admin) => {
    await admin.query('select pg_advisory_lock(1)'); // one at a time: a template must have no other session
    const { rowCount } = await admin.query('select from pg_database where datname = $1 and not datallowconn', [TEMPLATE]);
    if (rowCount === 0) await makeTemplate(server, admin);
    await admin.query(`create database ${name} template ${TEMPLATE}`);
  });
  return openDatabase(server, name);
}

async function makeTemplate(server: string, admin: Client): Promise<void> {
  await admin.query(`drop database if exists ${TEMPLATE}`);
  await admin.query(`create database ${TEMPLATE}`);
  await migrate(urlOf(server, TEMPLATE));
  await admin.query(`alter database ${TEMPLATE} allow_connections false`);
}

function openDatabase(server: string, name: string): TestDatabase {
  const url = urlOf(server, name);
  const sessions: Client[] = [];
  let own: Promise<Client> | undefined;
  const session = async (label = 'test'): Promise<Client> => {
    const client = await connect({ url, name: label });
    sessions.push(client);
    return client;
  };
  return {
    name,
    url,
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

async function onServer(server: string, work: (admin: Client) => Promise<void>): Promise<void> {
  const admin = await connect({ url: server, name: 'test admin' });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.toString();
}

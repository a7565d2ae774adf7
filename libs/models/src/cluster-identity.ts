import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';

/** The stored snapshots speak of another cluster's transaction ids. */
export class ClusterIdentityError extends Error {
  override readonly name = 'ClusterIdentityError';
}

/**
 * Compares the server with the one the watermarks were written on. Point-in-time recovery and failover to a physical
 * standby keep the identifier; a dump restored elsewhere does not.
 * @throws ClusterIdentityError with one line
 */
export async function checkCluster(client: Client | Connection): Promise<void> {
  const { rows } = await client.query<{ stored: string | null; actual: string }>(
    'select (select system_identifier from ingot.cluster) as stored, system_identifier as actual from pg_control_system()',
  );
  const { stored, actual } = rows[0] ?? { stored: null, actual: '' };
  if (stored === actual) return;
  throw new ClusterIdentityError(
    `This database was restored from another PostgreSQL cluster (system identifier ${stored ?? 'missing'}, this one is ${actual}): its watermarks do not fit this server, and moving them is not built yet. Use the original cluster, or a physical copy of it.`,
  );
}

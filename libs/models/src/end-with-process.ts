import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/** The session's work ends within seconds of a process that is killed, not when its statement has ended or its lock came. */
export async function endWithProcess(client: Client | Connection): Promise<void> {
  await client.query(`set client_connection_check_interval = '1s'`).catch(() => undefined); // not on every system
}

import { setTimeout as sleep } from 'node:timers/promises';
import { sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';

const TRIES = 60;
/** The last few may make others wait, for less than they notice: under full load a lock is never free by chance. */
const WAITING_TRIES = 3;
const WAIT_MS = 50;
const PAUSE_MS = 30;

/**
 * Takes tables whole without making anybody wait who uses them: who asks for a lock and waits for it holds up everybody
 * who comes later, so it is asked for only when it is free. When it was not for about two seconds, three requests wait
 * 50 ms each.
 * @param tables as they stand in SQL, a table before its partitions, as readers take them
 * @param alone work that has to be done each time before, e.g. another lock; false = somebody else has it
 * @throws 55P03 when it never was free: the transaction goes on as it was before
 */
export async function lockPatiently(client: Client | Connection, tables: readonly string[], alone: () => Promise<boolean> = () => Promise.resolve(true)): Promise<void> {
  const list = tables.map((table) => `only ${table}`).join(', ');
  let refused: unknown;
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const waits = attempt > TRIES - WAITING_TRIES;
    await client.query('savepoint patient');
    try {
      if (await alone()) {
        await client.query(waits ? `set local lock_timeout = ${WAIT_MS}` : 'set local lock_timeout = 0');
        await client.query(`lock table ${list} in access exclusive mode${waits ? '' : ' nowait'}`);
        await client.query('release savepoint patient');
        return;
      }
      refused = Object.assign(new Error('somebody else works on the dataset'), { code: SQLSTATE.lockNotAvailable });
    } catch (error) {
      if (sqlState(error) !== SQLSTATE.lockNotAvailable) throw error;
      refused = error;
    }
    await client.query('rollback to savepoint patient');
    await sleep(PAUSE_MS * (0.5 + Math.random()));
  }
  throw refused;
}

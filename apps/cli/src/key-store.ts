import { loadConfig } from '@ingot/config';
import { isMigrated } from '@ingot/db';
import { KeyError } from '@ingot/keys';
import { connect } from '@ingot/postgres';
import type { Client } from 'pg';
import { CommandFailed } from './command-failed.js';
import { prepare, withServer } from './database.js';
import type { Io } from './io.js';

/**
 * A session on the database of the keys. The files are not read: their errors are no reason not to revoke a key.
 * @param migrate brings the operational schema of the embedded server up to date first: the first key can be made before the first start
 * @throws CommandFailed, after having said so, when the keys cannot be changed as asked
 */
export async function withKeys<T>(io: Io, work: (client: Client) => Promise<T>, { migrate = false } = {}): Promise<T> {
  const config = loadConfig(io.env);
  return withServer(io, config, async (url) => {
    if (migrate && config.embedded) await prepare(io, url);
    const client = await connect({ url, name: 'ingot keys' });
    try {
      if (!(await isMigrated(client))) throw new Error('The database has no operational schema of this release: run `ingot migrate` first');
      return await work(client);
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      io.say(error.message);
      throw new CommandFailed();
    } finally {
      await client.end();
    }
  });
}

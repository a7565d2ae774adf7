import { describe, expect, it } from '@jest/globals';
import { createTestDatabase } from '@ingot/testing';
import { checkServer, mustBeDirect } from './server-check.js';

describe('checkServer', () => {
  it('lets a reachable primary pass', async () => {
    const database = await createTestDatabase();
    expect(await checkServer(database.url)).toEqual(['fsync is off on the server: a crash of the machine may lose lines that were acknowledged']); // test clusters are

    await database.drop();
  });

  it('refuses a session whose key is not the server process its own: a pooler hands out such keys', async () => {
    const database = await createTestDatabase();
    const client = await database.session();
    await mustBeDirect(client, 'DATABASE_RUN_URL');
    const pooled = { query: client.query.bind(client), processID: 1 } as unknown as typeof client;
    await expect(mustBeDirect(pooled, 'DATABASE_RUN_URL')).rejects.toThrow(/^DATABASE_RUN_URL: a connection pooler stands before it, .* as DATABASE_READ_URL$/);
    await database.drop();
  });

  it('says in one line that nobody listens, without the password', async () => {
    const error = await checkServer('postgres://someone:secret@127.0.0.1:1/nowhere').catch((e: unknown) => e as Error);
    expect(String(error)).toMatch(/^ServerCheckError: DATABASE_URL: cannot connect to postgres:\/\/someone:\*\*\*@127\.0\.0\.1:1\/nowhere: .*ECONNREFUSED/);
    expect(String(error)).not.toMatch(/secret|\n/);
  });

  it('says in one line that the server refuses the password or has no such database', async () => {
    const server = new URL(process.env.INGOT_TEST_SERVER_URL ?? '');
    server.pathname = '/no_such_database';
    await expect(checkServer(server.toString())).rejects.toThrow(/no_such_database.* does not exist$/);
    server.password = 'wrong';
    await expect(checkServer(server.toString())).rejects.toThrow(/password authentication failed/);
  });
});

import { connect } from '@ingot/postgres';
import type { Client } from 'pg';

/** One session for one piece of work; closed whatever comes of it. */
export async function withClient<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = await connect({ url, name: 'test' });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

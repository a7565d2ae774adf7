import type { ConnectionPool } from '@ingot/postgres';

/** The secret that cursors are signed with: one for all processes, made by the migration, or here when it was deleted. */
export async function readCursorSecret(pool: ConnectionPool): Promise<Buffer> {
  const select = `select secret from ingot.secrets where name = 'cursor'`;
  const known = (await pool.query<{ secret: Buffer }>(select)).rows[0];
  if (known !== undefined) return known.secret;
  await pool.query(`insert into ingot.secrets (name, secret) values ('cursor', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')) on conflict do nothing`);
  return readCursorSecret(pool);
}

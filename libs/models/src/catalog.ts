import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';
import { relationName, RUN_ID } from './sql-names.js';

export interface TableColumn {
  readonly name: string;
  /** As format_type gives it, e.g. `timestamp with time zone`. */
  readonly type: string;
  readonly typeOid: string;
  readonly notNull: boolean;
}

/** What stands under a name: a table, a view, or nothing. */
export async function kindOf(client: Client | Connection, relation: string): Promise<'table' | 'view' | 'other' | undefined> {
  const { rows } = await client.query<{ relkind: string }>('select relkind from pg_class where oid = to_regclass($1)', [relationName(relation)]);
  const kind = rows[0]?.relkind;
  if (kind === undefined) return undefined;
  return kind === 'r' || kind === 'p' ? 'table' : kind === 'v' ? 'view' : 'other';
}

/** The result columns of a managed relation, in order, without the engine's own. */
export async function columnsOf(client: Client | Connection, relation: string): Promise<TableColumn[]> {
  const { rows } = await client.query<TableColumn>(
    `select attname as name, format_type(atttypid, atttypmod) as type, atttypid::text as "typeOid", attnotnull as "notNull"
     from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> $2 order by attnum`,
    [relationName(relation), RUN_ID],
  );
  return rows;
}

import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { TestDatabase } from '@ingot/testing';

const SCHEMAS = ['ingot', 'bronze', 'silver', 'gold', 'seeds'];

interface Table {
  readonly name: string;
  readonly columns: string;
}

/**
 * Makes a database what a dump of another would make of it: the partitions, defaults, rows and sequences of one snapshot.
 * The embedded server has no pg_dump. Tables and views must be there already, made by the same files.
 */
export async function restoreInto(target: TestDatabase, source: TestDatabase): Promise<void> {
  const [from, to] = [await source.session('dump'), await target.session('restore')];
  await from.query('begin isolation level repeatable read read only');
  await to.query('begin');
  await copyPartitions(from, to);
  const tables = await tablesOf(from);
  await to.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
  for (const { name, columns } of tables) {
    await pipeline(from.query(copyTo(`copy (select ${columns} from ${name}) to stdout`)), to.query(copyFrom(`copy ${name} (${columns}) from stdin`)));
  }
  await copySequences(from, to);
  await to.query('commit');
  await from.query('commit');
  await Promise.all([from.end(), to.end()]);
}

/** Parents before the tables that point to them, so that foreign keys hold while the rows come. */
async function tablesOf(from: Client): Promise<Table[]> {
  const { rows } = await from.query<Table>(
    `select c.oid::regclass::text as name,
       (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns
     from pg_class as c
     where c.relnamespace::regnamespace::text = any($1) and c.relkind in ('r', 'p') and not c.relispartition
     order by (with recursive above as (
         select confrelid as oid, 1 as depth from pg_constraint where conrelid = c.oid and contype = 'f'
         union all select k.confrelid, depth + 1 from above join pg_constraint as k on k.conrelid = above.oid and k.contype = 'f' where depth < 9
       ) select coalesce(max(depth), 0) from above), 1`,
    [SCHEMAS],
  );
  return rows;
}

async function copyPartitions(from: Client, to: Client): Promise<void> {
  const list = `select i.inhparent::regclass::text as parent, 'bronze.' || quote_ident(c.relname) as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_inherits as i join pg_class as c on c.oid = i.inhrelid where c.relkind = 'r' order by 2`;
  for (const { name } of (await to.query<{ name: string }>(list)).rows) await to.query(`drop table ${name}`);
  for (const { parent, name, bound } of (await from.query<{ parent: string; name: string; bound: string }>(list)).rows) await to.query(`create table ${name} partition of ${parent} ${bound}`);
  const defaults = await from.query<{ relation: string; value: string }>(
    `select d.adrelid::regclass::text as relation, pg_get_expr(d.adbin, d.adrelid) as value
     from pg_attrdef as d join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum where a.attname = 'ingest_xid'`,
  );
  for (const { relation, value } of defaults.rows) await to.query(`alter table ${relation} alter column ingest_xid set default ${value}`);
}

async function copySequences(from: Client, to: Client): Promise<void> {
  const { rows } = await from.query<{ name: string }>(`select format('%I.%I', schemaname, sequencename) as name from pg_sequences where schemaname = any($1)`, [SCHEMAS]);
  for (const { name } of rows) {
    const { rows: [at] } = await from.query<{ last: string; called: boolean }>(`select last_value as last, is_called as called from ${name}`);
    await to.query('select setval($1, $2, $3)', [name, at!.last, at!.called]);
  }
}

/** Moves a cluster's transaction counter on. */
export async function burnTransactions(database: TestDatabase, count: number): Promise<void> {
  await database.query(`do $$ begin for i in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`);
}

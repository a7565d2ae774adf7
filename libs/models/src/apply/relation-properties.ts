import { sqlState, type Connection } from '@ingot/postgres';
import pg, { type Client } from 'pg';
import { columnName, relationName, RUN_ID } from '../sql-names.js';

type Session = Client | Connection;

/** What people may have set on a table or view beside what its file says. */
export interface RelationProperties {
  readonly kind: 'table' | 'view';
  readonly owner: string;
  readonly grants: readonly Grant[];
  /** Storage parameters of a table, options of a view, as `name=value`. */
  readonly options: readonly string[];
  /** Of the relation (column null) and its columns. */
  readonly comments: readonly { readonly column: string | null; readonly text: string }[];
}

interface Grant {
  /** Null = public. */
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
  /** Undefined for a grant on the whole relation. */
  readonly column: string | null;
}

/** What stands on a relation now; undefined when there is none. */
export async function readProperties(client: Session, relation: string): Promise<RelationProperties | undefined> {
  const { rows } = await client.query<{ kind: string; owner: string; options: string[] | null }>(
    `select relkind as kind, pg_get_userbyid(relowner) as owner,
       coalesce(reloptions, (select p.reloptions from pg_partitioned_table as t join pg_class as p on p.oid = t.partdefid where t.partrelid = c.oid)) as options
     from pg_class as c where oid = to_regclass($1)`,
    [relationName(relation)],
  );
  const [found] = rows;
  if (found === undefined) return undefined;
  const grants = await client.query<Grant>(
    `select case when a.grantee = 0 then null else pg_get_userbyid(a.grantee) end as grantee, a.privilege_type as privilege, a.is_grantable as grantable, null as "column"
     from pg_class as c cross join aclexplode(c.relacl) as a where c.oid = $1::regclass and a.grantee <> c.relowner
     union all
     select case when a.grantee = 0 then null else pg_get_userbyid(a.grantee) end, a.privilege_type, a.is_grantable, t.attname
     from pg_attribute as t cross join aclexplode(t.attacl) as a where t.attrelid = $1::regclass and t.attnum > 0 and not t.attisdropped`,
    [relationName(relation)],
  );
  const comments = await client.query<{ column: string | null; text: string }>(
    `select a.attname as "column", d.description as text from pg_description as d
     left join pg_attribute as a on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0
     where d.classoid = 'pg_class'::regclass and d.objoid = $1::regclass`,
    [relationName(relation)],
  );
  return { kind: found.kind === 'v' ? 'view' : 'table', owner: found.owner, grants: grants.rows, options: found.options ?? [], comments: comments.rows };
}

/**
 * Gives a relation the grants and options another one had in its place; last its owner, after whom this session may no
 * longer do it. Grants on columns that are gone are left out.
 */
export async function giveProperties(client: Session, relation: string, properties: RelationProperties): Promise<void> {
  const { kind, owner, grants } = properties;
  const name = relationName(relation);
  const now = await readProperties(client, relation);
  for (const grantee of new Set((now?.grants ?? []).map((grant) => grant.grantee))) await client.query(`revoke all on ${name} from ${role(grantee)}`);
  const columns = await columnNames(client, relation);
  for (const { grantee, privilege, grantable, column } of grants) {
    if (column !== null && !columns.has(column)) continue;
    await client.query(`grant ${privilege}${column === null ? '' : ` (${columnName(column)})`} on ${name} to ${role(grantee)}${grantable ? ' with grant option' : ''}`);
  }
  await giveOptions(client, relation, properties);
  if (now === undefined || now.owner === owner) return;
  for (const table of new Set([...(await partitionsOf(client, relation)), name])) await client.query(`alter ${kind} ${table} owner to ${columnName(owner)}`);
}

/** Storage parameters of a table, and what a view was made `with`; replacing a view takes them off. */
export async function giveOptions(client: Session, relation: string, { kind, options }: RelationProperties): Promise<void> {
  if (options.length === 0) return;
  for (const name of await partitionsOf(client, relation)) await client.query(`alter ${kind} ${name} set (${options.map(option).join(', ')})`);
}

/** As they stand in SQL; a table that has none is its own. Storage parameters are those of partitions. */
async function partitionsOf(client: Session, relation: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('select inhrelid::regclass::text as name from pg_inherits where inhparent = to_regclass($1)', [relationName(relation)]);
  return rows.length === 0 ? [relationName(relation)] : rows.map(({ name }) => name);
}

/** Puts comments on a relation and those of its columns that are still there. */
export async function giveComments(client: Session, relation: string, { kind, comments }: RelationProperties): Promise<void> {
  const columns = await columnNames(client, relation);
  for (const { column, text } of comments) {
    if (column !== null && !columns.has(column)) continue;
    const what = column === null ? `${kind} ${relationName(relation)}` : `column ${relationName(relation)}.${columnName(column)}`;
    await client.query(`comment on ${what} is ${pg.escapeLiteral(text)}`);
  }
}

/**
 * Gives another table the indexes, constraints and NOT NULL that somebody has put on this one by hand, under their names.
 * @param own names of the engine's indexes and constraints
 * @returns names of those that the new columns do not allow
 */
export async function copyHandMade(client: Session, from: string, to: string, own: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string; statement: string }>(
    `select c.relname as name, case when i.indisunique then 'create unique index ' else 'create index ' end || quote_ident(c.relname) || ' on ' || $3 || substring(pg_get_indexdef(i.indexrelid) from ' USING .*$') as statement
     from pg_index as i join pg_class as c on c.oid = i.indexrelid
     where i.indrelid = to_regclass($1) and i.indisvalid and not exists (select from pg_constraint where conindid = i.indexrelid) and c.relname <> all($2)
     union all
     select conname, 'alter table ' || $3 || ' add constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid)
     from pg_constraint where conrelid = to_regclass($1) and contype in ('c', 'u', 'p', 'x') and conname <> all($2) and not starts_with(conname, 'ingot_')
     union all
     select 'not null of ' || attname, 'alter table ' || $3 || ' alter column ' || quote_ident(attname) || ' set not null'
     from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and attnotnull and not attisdropped and attname <> $4
     order by 1`,
    [relationName(from), own, relationName(to), RUN_ID],
  );
  const left: string[] = [];
  for (const { name, statement } of rows) {
    try {
      await client.query(statement);
    } catch (error) {
      const state = sqlState(error);
      if (state === UNDEFINED_COLUMN || state === NOT_SUPPORTED) left.push(name);
      else if (state !== DUPLICATE_TABLE && state !== DUPLICATE_OBJECT) throw error; // there since an attempt that was cut off
    }
  }
  return left;
}

const UNDEFINED_COLUMN = '42703';
const NOT_SUPPORTED = '0A000'; // e.g. a unique index on a table that has months now, without their column
const DUPLICATE_TABLE = '42P07';
const DUPLICATE_OBJECT = '42710';

async function columnNames(client: Session, relation: string): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>('select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped', [relationName(relation)]);
  return new Set(rows.map(({ name }) => name));
}

function role(grantee: string | null): string {
  return grantee === null ? 'public' : columnName(grantee);
}

/** `security_barrier=true`, `fillfactor=70`: names and values come out of the catalogue. */
function option(text: string): string {
  const at = text.indexOf('=');
  return `${columnName(text.slice(0, at))} = ${pg.escapeLiteral(text.slice(at + 1))}`;
}

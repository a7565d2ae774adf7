import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { relationName } from '../sql-names.js';

/** A view that reads one of the given relations, directly or through other views. */
export interface DependentView {
  /** `schema.name`. */
  readonly relation: string;
  /** Its SELECT with every name qualified, as long as the session's search_path is pg_catalog. */
  readonly definition: string;
  /** Whether this session may replace it. */
  readonly isOurs: boolean;
}

/** Views over the given relations in an order in which they can be made. */
export async function dependentViews(client: Client | Connection, relations: readonly string[]): Promise<DependentView[]> {
  const { rows } = await client.query<DependentView>(
    `with recursive reader as (
       select r.ev_class as oid, 1 as depth from pg_depend as d join pg_rewrite as r on r.oid = d.objid
       where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
         and d.refobjid = any(select to_regclass(name) from unnest($1::text[]) as name) and r.ev_class <> d.refobjid
       union
       select r.ev_class, reader.depth + 1 from reader
       join pg_depend as d on d.refobjid = reader.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
       join pg_rewrite as r on r.oid = d.objid and r.ev_class <> d.refobjid
     )
     select n.nspname || '.' || c.relname as relation, pg_get_viewdef(c.oid) as definition, pg_has_role(c.relowner, 'USAGE') as "isOurs"
     from (select oid, max(depth) as depth from reader group by oid) as reader
     join pg_class as c on c.oid = reader.oid and c.relkind = 'v' join pg_namespace as n on n.oid = c.relnamespace
     order by reader.depth, 1`,
    [relations.map(relationName)],
  );
  return rows;
}

/**
 * What depends on a table or view and would be lost, or be left behind, when another takes its place: materialized
 * views, foreign keys, triggers, policies, publications, functions, rules, statistics. Views are not among them.
 * @returns as the server names them, e.g. `materialized view report.totals`
 */
export async function otherDependents(client: Client | Connection, relation: string): Promise<string[]> {
  const { rows } = await client.query<{ what: string }>(
    `select distinct case when m.oid is null then pg_describe_object(d.classid, d.objid, d.objsubid) else 'materialized view ' || n.nspname || '.' || m.relname end as what
     from pg_depend as d
     left join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
     left join pg_class as m on m.oid = r.ev_class and m.relkind = 'm'
     left join pg_namespace as n on n.oid = m.relnamespace
     where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass($1) and d.deptype in ('n', 'a')
       and not (d.classid = 'pg_rewrite'::regclass and exists (select from pg_class as v where v.oid = r.ev_class and v.relkind = 'v' and (v.oid <> d.refobjid or r.rulename = '_RETURN')))
       and not (d.classid = 'pg_class'::regclass and exists (select from pg_class as i where i.oid = d.objid and (i.relkind in ('i', 'I', 't') or i.relispartition)))
       and not (d.classid = 'pg_attrdef'::regclass)
       and not (d.classid = 'pg_constraint'::regclass and exists (select from pg_constraint as k where k.oid = d.objid and k.conrelid = d.refobjid and k.contype in ('c', 'n', 'p', 'u', 'x')))
     order by 1`,
    [relationName(relation)],
  );
  return rows.map(({ what }) => what);
}

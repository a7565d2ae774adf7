/**
 * What a database is made of, as statements that make it again, read from its catalogs: the embedded server comes without
 * pg_dump. Each query gives rows of one column `statement`; with `search_path = pg_catalog` every name comes out qualified.
 * Objects of initdb and members of extensions are left out: they are there already.
 */

const FIRST_OWN_OID = 16384; // PostgreSQL's FirstNormalObjectId: what lies below was made by initdb
const own = (catalog: string, alias: string): string =>
  `${alias}.oid >= ${FIRST_OWN_OID} and not exists (select from pg_depend where classid = '${catalog}'::regclass and objid = ${alias}.oid and deptype = 'e')`;
const OF_IDENTITY = `exists (select from pg_depend as i where i.classid = 'pg_class'::regclass and i.objid = c.oid and i.deptype = 'i')`;
const IN_SCHEMA = `c.relnamespace in (select oid from pg_namespace where nspname !~ '^pg_') and c.relpersistence <> 't'`;
const options = (array: string): string => `(select string_agg(format('%s=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') from unnest(${array}) as o)`;
const sequenceOptions = (alias: string): string =>
  `format('increment %s minvalue %s maxvalue %s start %s cache %s', ${alias}.seqincrement, ${alias}.seqmin, ${alias}.seqmax, ${alias}.seqstart, ${alias}.seqcache) || case when ${alias}.seqcycle then ' cycle' else '' end`;

/** What is there and cannot be moved, each in words: an upgrade that left it behind would lose it. */
export const FOREIGN_OBJECTS = `
  select format('%s (%s)', pg_describe_object(classid, objid, 0), why) as statement from (
    select 'pg_class'::regclass as classid, c.oid as objid, 'its kind' as why from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind not in ('r', 'p', 'v', 'S', 'i', 'I', 't')
    union all select 'pg_class'::regclass, c.oid, 'in a tablespace' from pg_class as c where ${own('pg_class', 'c')} and reltablespace <> 0
    union all select 'pg_class'::regclass, c.oid, 'its replica identity' from pg_class as c where ${own('pg_class', 'c')} and relreplident not in ('d', 'n')
    union all select 'pg_class'::regclass, c.oid, 'its inheritance' from pg_class as c where ${own('pg_class', 'c')} and relkind in ('r', 'p') and not relispartition and (reloftype <> 0 or exists (select from pg_inherits where inhrelid = c.oid))
    union all select 'pg_class'::regclass, c.oid, 'its row-level security' from pg_class as c where ${own('pg_class', 'c')} and (relrowsecurity or relforcerowsecurity)
    union all select 'pg_proc'::regclass, p.oid, 'an aggregate' from pg_proc as p where ${own('pg_proc', 'p')} and prokind = 'a'
    union all select 'pg_type'::regclass, t.oid, 'a type' from pg_type as t where ${own('pg_type', 't')} and (typtype not in ('b', 'c') or typtype = 'b' and typelem = 0)
    union all select 'pg_rewrite'::regclass, r.oid, 'a rule' from pg_rewrite as r where ${own('pg_rewrite', 'r')} and rulename <> '_RETURN'
    ${['pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_cast', 'pg_conversion', 'pg_collation', 'pg_ts_config', 'pg_ts_dict', 'pg_event_trigger', 'pg_publication', 'pg_subscription', 'pg_foreign_server', 'pg_foreign_data_wrapper', 'pg_policy', 'pg_language', 'pg_am', 'pg_transform']
      .map((catalog) => `union all select '${catalog}'::regclass, o.oid, 'its kind' from ${catalog} as o where ${own(catalog, 'o')}`)
      .join('\n    ')}
    union all select 'pg_largeobject'::regclass, oid, 'its kind' from pg_largeobject_metadata
    union all select 'pg_default_acl'::regclass, oid, 'for all schemas' from pg_default_acl where defaclnamespace = 0
  ) as found order by 1`;

export const SCHEMAS = `
  select format('create schema if not exists %I authorization %I', nspname, pg_get_userbyid(nspowner)) as statement from pg_namespace as n where ${own('pg_namespace', 'n')} and nspname !~ '^pg_' order by nspname`;

export const EXTENSIONS = `
  select format('create extension if not exists %I schema %s', extname, extnamespace::regnamespace) as statement from pg_extension where oid >= ${FIRST_OWN_OID} order by oid`;

export const SEQUENCES = `
  select format('create sequence %s as %s %s', c.oid::regclass, s.seqtypid::regtype, ${sequenceOptions('s')}) as statement
  from pg_sequence as s join pg_class as c on c.oid = s.seqrelid where ${own('pg_class', 'c')} and ${IN_SCHEMA} and not ${OF_IDENTITY} order by c.oid`;

/** Bodies are looked at when they are called: they may speak of tables that come later. */
export const FUNCTIONS = `
  select pg_get_functiondef(p.oid) as statement from pg_proc as p
  where ${own('pg_proc', 'p')} and prokind <> 'a' and pronamespace in (select oid from pg_namespace where nspname !~ '^pg_') order by p.oid`;

/** Partitions as tables of their own, with their own order of columns; ATTACHMENTS puts them in their place. */
export const TABLES = `
  select format('create %s table %s (%s)', case relpersistence when 'u' then 'unlogged' else '' end, c.oid::regclass, concat_ws(', ', (
      select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod))
        || case when attcollation <> 0 and attcollation <> typcollation then ' collate ' || attcollation::regcollation else '' end
        || case when attgenerated <> '' then format(' generated always as (%s) %s', pg_get_expr(adbin, adrelid), case attgenerated when 's' then 'stored' else 'virtual' end) else coalesce(' default ' || pg_get_expr(adbin, adrelid), '') end
        || case when attidentity = '' or relispartition then '' else
             (select format(' generated %s as identity (sequence name %s %s)', case attidentity when 'a' then 'always' else 'by default' end, seqrelid::regclass, ${sequenceOptions('s')})
              from pg_depend join pg_sequence as s on seqrelid = objid where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjid = c.oid and refobjsubid = attnum and deptype = 'i') end
        || case when attnotnull then ' not null' else '' end, ', ' order by attnum)
      from pg_attribute join pg_type as t on t.oid = atttypid left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attrelid = c.oid and attnum > 0 and not attisdropped
    ), (select string_agg(format('constraint %I %s', conname, pg_get_constraintdef(oid)), ', ' order by conname) from pg_constraint where conrelid = c.oid and contype = 'c' and convalidated)))
    || coalesce(' partition by ' || pg_get_partkeydef(c.oid), '')
    || coalesce(' with (' || ${options(`coalesce(reloptions, '{}') || array(select 'toast.' || o from pg_class as toast cross join unnest(toast.reloptions) as o where toast.oid = c.reltoastrelid)`)} || ')', '') as statement
  from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind in ('r', 'p') order by c.oid`;

export const COLUMN_SETTINGS = `
  select format('alter table only %s alter column %I %s', c.oid::regclass, attname, change) as statement
  from pg_class as c join pg_attribute as a on attrelid = c.oid and attnum > 0 and not attisdropped join pg_type as t on t.oid = atttypid
  cross join lateral (values
    (case when attstorage <> typstorage then 'set storage ' || case attstorage when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end end),
    (case attcompression when 'p' then 'set compression pglz' when 'l' then 'set compression lz4' end),
    (case when attstattarget >= 0 then format('set statistics %s', attstattarget) end),
    (case when attoptions is not null then format('set (%s)', ${options('attoptions')}) end)
  ) as changes (change)
  where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind in ('r', 'p') and change is not null order by c.oid, attnum`;

export const ATTACHMENTS = `
  select format('alter table %s attach partition %s %s', inhparent::regclass, c.oid::regclass, pg_get_expr(relpartbound, c.oid)) as statement
  from pg_class as c join pg_inherits on inhrelid = c.oid where ${own('pg_class', 'c')} and relkind in ('r', 'p') and relispartition order by c.oid`;

export const OWNED_SEQUENCES = `
  select format('alter sequence %s owned by %s.%I', objid::regclass, refobjid::regclass, attname) as statement
  from pg_depend join pg_class as c on c.oid = objid and relkind = 'S' join pg_attribute on attrelid = refobjid and attnum = refobjsubid
  where ${own('pg_class', 'c')} and classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype = 'a' order by objid`;

const ownerOf = (kind: string): string => `
  select format('alter ${kind} %s owner to %I', c.oid::regclass, pg_get_userbyid(relowner)) as statement from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA}`;
/** Sequences of columns follow their tables. */
export const OWNERS = `
  ${ownerOf('table')} and relkind in ('r', 'p')
  union all ${ownerOf('sequence')} and relkind = 'S' and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
  union all select format('alter routine %s owner to %I', p.oid::regprocedure, pg_get_userbyid(proowner)) from pg_proc as p where ${own('pg_proc', 'p')} and prokind <> 'a'`;

/** Those of partitions before those of their parents, whose stand for them. Indexes that were never finished stay behind. */
export const INDEXES = `
  select case when k.oid is null then pg_get_indexdef(indexrelid) else format('alter table only %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(k.oid)) end as statement
  from pg_index join pg_class as c on c.oid = indexrelid left join pg_constraint as k on conindid = indexrelid and contype in ('p', 'u', 'x') and conrelid = indrelid
  where ${own('pg_class', 'c')} and ${IN_SCHEMA} and (indisvalid or relkind = 'I')
  order by relkind = 'I', c.oid`;

export const INDEX_ATTACHMENTS = `
  select format('alter index %s attach partition %s', inhparent::regclass, inhrelid::regclass) as statement
  from pg_inherits join pg_class as c on c.oid = inhrelid and relkind in ('i', 'I') where ${own('pg_class', 'c')} and ${IN_SCHEMA} order by relkind = 'I', inhrelid`;

export const LATE_CONSTRAINTS = `
  select format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(k.oid)) as statement
  from pg_constraint as k where ${own('pg_constraint', 'k')} and conrelid <> 0 and conparentid = 0 and (contype = 'f' or contype = 'c' and not convalidated) order by contype, k.oid`;

export const TRIGGERS_AND_STATISTICS = `
  select pg_get_triggerdef(t.oid) as statement from pg_trigger as t where ${own('pg_trigger', 't')} and not tgisinternal and tgparentid = 0
  union all select pg_get_statisticsobjdef(s.oid) from pg_statistic_ext as s where ${own('pg_statistic_ext', 's')}`;

export const VIEWS = `
  select format('create or replace view %s %s as %s', c.oid::regclass, coalesce('with (' || ${options('reloptions')} || ')', ''), pg_get_viewdef(c.oid)) as statement
  from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind = 'v' order by c.oid`;
export const VIEW_OWNERS = `${ownerOf('view')} and relkind = 'v'`;

/** Owners keep all rights on what is theirs. Of the server's own functions only those whose rights were changed. */
export const RIGHTS = `
  with objects as (
    select case relkind when 'S' then 'sequence' else 'table' end as kind, c.oid::regclass::text as name, relowner as owner, relacl as acl from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind in ('r', 'p', 'v', 'S')
    union all select 'schema', quote_ident(nspname), nspowner, nspacl from pg_namespace as n where (${own('pg_namespace', 'n')} or nspname = 'public') and nspname !~ '^pg_'
    union all select 'routine', p.oid::regprocedure::text, proowner, proacl from pg_proc as p where ${own('pg_proc', 'p')} or p.oid < ${FIRST_OWN_OID} and proacl is distinct from (select initprivs from pg_init_privs where classoid = 'pg_proc'::regclass and objoid = p.oid)
    union all select 'database', quote_ident(datname), datdba, datacl from pg_database where datname = current_database()
  )
  select format('revoke all on %s %s from public', kind, name) as statement from objects where acl is not null
  union all
  select format('grant %s on %s %s to %s%s', privilege_type, kind, name, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end, case when is_grantable then ' with grant option' else '' end)
  from objects cross join aclexplode(acl) where grantee <> owner
  union all
  select format('grant %s (%I) on %s to %s%s', privilege_type, attname, c.oid::regclass, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end, case when is_grantable then ' with grant option' else '' end)
  from pg_class as c join pg_attribute on attrelid = c.oid cross join aclexplode(attacl) where ${own('pg_class', 'c')} and ${IN_SCHEMA}
  union all
  select format('alter default privileges for role %I in schema %s grant %s on %s to %s', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, privilege_type,
    case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'types' end, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
  from pg_default_acl cross join aclexplode(defaclacl) where defaclnamespace <> 0`;

export const COMMENTS = `
  select format('comment on %s %s is %L', case type when 'table column' then 'column' when 'view column' then 'column' when 'table constraint' then 'constraint' when 'statistics object' then 'statistics' else type end, identity, description) as statement
  from pg_description cross join pg_identify_object(classoid, objoid, objsubid) where objoid >= ${FIRST_OWN_OID}
    and not exists (select from pg_depend where classid = classoid and objid = objoid and deptype = 'e') order by 1`;

/** Tables with rows of their own, and their columns; generated ones are computed anew. */
export const ROWS = `
  select c.oid::regclass::text as name, coalesce((select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''), '') as columns
  from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind = 'r' order by c.oid`;

export const SEQUENCE_NAMES = `
  select c.oid::regclass::text as name from pg_class as c where ${own('pg_class', 'c')} and ${IN_SCHEMA} and relkind = 'S' order by c.oid`;

const SETTINGS_OF = `select coalesce('role ' || quote_ident(pg_get_userbyid(nullif(setrole, 0))), '') as role, nullif(setdatabase, 0) as database, split_part(o, '=', 1) as name, substr(o, strpos(o, '=') + 1) as value from pg_db_role_setting cross join unnest(setconfig) as o`;

/** Roles of the cluster that initdb has not made, with their passwords as they are stored, and what they are members of. */
export const ROLES = `
  select format('create role %I', rolname) as statement from pg_authid where oid >= ${FIRST_OWN_OID} and not rolname = any($1::text[])
  union all
  select format('alter role %I with %s %s %s %s %s %s %s connection limit %s %s %s', rolname,
    case when rolsuper then 'superuser' else 'nosuperuser' end, case when rolinherit then 'inherit' else 'noinherit' end, case when rolcreaterole then 'createrole' else 'nocreaterole' end,
    case when rolcreatedb then 'createdb' else 'nocreatedb' end, case when rolcanlogin then 'login' else 'nologin' end, case when rolreplication then 'replication' else 'noreplication' end,
    case when rolbypassrls then 'bypassrls' else 'nobypassrls' end, rolconnlimit, coalesce('password ' || quote_literal(rolpassword), ''), coalesce('valid until ' || quote_literal(rolvaliduntil), ''))
  from pg_authid where oid >= ${FIRST_OWN_OID}
  union all
  select format('grant %I to %I%s', pg_get_userbyid(roleid), pg_get_userbyid(member), case when admin_option then ' with admin option' else '' end) from pg_auth_members where member >= ${FIRST_OWN_OID}
  union all
  select format('alter %s%s set %I = %s', case when role <> '' then role when database is null then 'role all' else 'database ' || quote_ident(datname) end, case when role <> '' and database is not null then ' in database ' || quote_ident(datname) else '' end, name,
    case when name in ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries') then value else quote_literal(value) end)
  from (${SETTINGS_OF}) as settings left join pg_database as d on d.oid = database where name <> 'role'`;

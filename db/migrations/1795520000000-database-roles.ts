import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Three roles that can do what their part of the service does and no more, and the function that gives them their rights.
 *
 * Roles belong to the cluster, rights to a database: several databases of one cluster share the roles, and many may be
 * migrated at a time. Where the migration's user may not create roles they are left out, and everything else goes on:
 * whoever may makes them with the statements of `ingot roles`.
 */
export class DatabaseRoles1795520000000 implements MigrationInterface {
  name = 'DatabaseRoles1795520000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(ROLES);
    await queryRunner.query(GRANT_RIGHTS);
    await queryRunner.query(`comment on function ingot.grant_rights() is 'Gives ingot_ingest, ingot_read and ingot_run what they lack in this database; returns those of them that do not exist. Safe to call again.'`);
  }

  /** The roles stay, and what they were granted: other databases of the cluster may use them. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop function ingot.grant_rights()');
  }
}

// Always in this order, so that two migrations in one cluster wait for each other and do not deadlock. Who comes second
// meets what the first has made: as a duplicate, or as a unique violation when both began at once.
const ROLES = `
  do $$
  declare role text;
  begin
    foreach role in array array['ingot_ingest', 'ingot_read', 'ingot_run'] loop
      if to_regrole(role) is null then
        begin
          execute format('create role %I nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls', role);
        exception when duplicate_object or unique_violation or insufficient_privilege then null;
        end;
      end if;
    end loop;
    -- The owner hands its tables to ingot_run and goes on maintaining them.
    if to_regrole('ingot_run') is not null and not pg_has_role('ingot_run', 'usage') then
      begin
        execute format('grant ingot_run to %I', current_user);
      exception when duplicate_object or unique_violation or insufficient_privilege then null;
      end;
    end if;
  end
  $$`;

/**
 * Who reads or writes a partitioned table through its parent needs rights on that alone; only what looks for the newest
 * line reads the partitions of bronze one by one, those made later too. What no line names, such as keys and secrets, none
 * of the roles can read. What belongs to somebody else is left as it is.
 */
const GRANT_RIGHTS = `
  create function ingot.grant_rights() returns text[] language plpgsql set search_path = pg_catalog as $function$
  declare
    missing text[] := array(select name from unnest(array['ingot_ingest', 'ingot_read', 'ingot_run']) as name where to_regrole(name) is null);
    patience text := current_setting('lock_timeout');
    statement text;
  begin
    if cardinality(missing) = 3 then return missing; end if;
    -- Two that grant on one table at once would fail: "tuple concurrently updated".
    perform pg_advisory_xact_lock(hashtextextended('ingot rights', 0));

    if to_regrole('ingot_run') is not null and pg_has_role('ingot_run', 'usage') then
      -- Whoever reads or writes a table just now keeps it: the next call makes it over, and until then rights do.
      perform set_config('lock_timeout', '200ms', true);
      for statement in
        select format('alter schema %I owner to ingot_run', nspname) from pg_namespace where nspname in ('silver', 'gold') and nspowner = current_user::regrole
        union all
        select format('alter table %s owner to ingot_run', oid::regclass) from pg_class
        where relnamespace in (select oid from pg_namespace where nspname in ('silver', 'gold'))
          and relkind in ('r', 'p', 'v') and relowner = current_user::regrole
      loop
        begin
          execute statement;
        exception when lock_not_available or insufficient_privilege then null;
        end;
      end loop;
      perform set_config('lock_timeout', patience, true);
    end if;

    for statement in
      with schemas (name, roles) as (values
        ('ingot', '{ingot_ingest,ingot_read,ingot_run}'::text[]),
        ('bronze', '{ingot_ingest,ingot_read,ingot_run}'),
        ('silver', '{ingot_read,ingot_run}'),
        ('gold', '{ingot_read,ingot_run}'),
        ('seeds', '{ingot_read,ingot_run}')
      ), tables as (
        select c.oid, n.nspname as schema, c.relname as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname in (select name from schemas) and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and pg_has_role(c.relowner, 'usage')
      ), rights (schema, name, role, privilege) as (values
        ('bronze', 'flushes', 'ingot_ingest', 'insert'),
        ('bronze', 'flushes', 'ingot_ingest', 'select (flush_id, lines)'),
        ('bronze', 'flushes', 'ingot_ingest', 'update (lines, bytes)'),
        ('bronze', 'flushes', 'ingot_run', 'select'),
        ('ingot', 'idempotency_keys', 'ingot_ingest', 'insert'),
        ('ingot', 'idempotency_keys', 'ingot_ingest', 'select (device, key, body_hash)'),
        ('ingot', 'devices', 'ingot_ingest', 'select'),
        ('ingot', 'devices', 'ingot_ingest', 'insert'),
        ('ingot', 'device_names', 'ingot_ingest', 'select'),
        ('ingot', 'device_names', 'ingot_ingest', 'insert'),
        ('ingot', 'quota_days', 'ingot_ingest', 'select'),
        ('ingot', 'quota_days', 'ingot_ingest', 'insert'),
        ('ingot', 'quota_days', 'ingot_ingest', 'update'),
        ('ingot', 'quota_days', 'ingot_ingest', 'delete'),
        ('ingot', 'cluster', 'ingot_run', 'select'),
        ('ingot', 'plans', 'ingot_run', 'select'),
        ('ingot', 'shadows', 'ingot_run', 'select'),
        ('ingot', 'seeds', 'ingot_run', 'select'),
        ('ingot', 'source_counts', 'ingot_run', 'select'),
        ('ingot', 'partition_floors', 'ingot_run', 'select'),
        ('ingot', 'datasets', 'ingot_run', 'select'),
        ('ingot', 'datasets', 'ingot_run', 'update'),
        ('ingot', 'runs', 'ingot_run', 'select'),
        ('ingot', 'runs', 'ingot_run', 'insert'),
        ('ingot', 'runs', 'ingot_run', 'update'),
        ('ingot', 'run_steps', 'ingot_run', 'select'),
        ('ingot', 'run_steps', 'ingot_run', 'insert'),
        ('ingot', 'test_results', 'ingot_run', 'select'),
        ('ingot', 'test_results', 'ingot_run', 'insert'),
        ('ingot', 'table_refreshes', 'ingot_run', 'select'),
        ('ingot', 'table_refreshes', 'ingot_run', 'insert'),
        ('ingot', 'table_refreshes', 'ingot_run', 'update'),
        ('ingot', 'quarantine', 'ingot_run', 'select'),
        ('ingot', 'quarantine', 'ingot_run', 'insert'),
        ('ingot', 'quarantine', 'ingot_run', 'update'),
        ('ingot', 'quarantine', 'ingot_run', 'delete'),
        ('ingot', 'cluster', 'ingot_read', 'select'),
        ('ingot', 'datasets', 'ingot_read', 'select'),
        ('ingot', 'runs', 'ingot_read', 'select'),
        ('ingot', 'run_steps', 'ingot_read', 'select'),
        ('ingot', 'test_results', 'ingot_read', 'select'),
        ('ingot', 'table_refreshes', 'ingot_read', 'select'),
        ('ingot', 'source_counts', 'ingot_read', 'select'),
        ('ingot', 'quarantine', 'ingot_read', 'select')
      ), wanted as (
        select oid, role, privilege from tables join rights using (schema, name)
        union all
        select oid, role, privilege from tables
        cross join (values ('ingot_ingest', 'insert'), ('ingot_read', 'select'), ('ingot_run', 'select')) as of_sources (role, privilege)
        where schema = 'bronze' and name <> 'flushes'
        union all
        select oid, 'ingot_run', 'select' from pg_class where relnamespace = 'bronze'::regnamespace and relispartition and relkind in ('r', 'p') and pg_has_role(relowner, 'usage')
        union all
        select oid, role, 'select' from tables cross join unnest('{ingot_read,ingot_run}'::text[]) as role where schema in ('silver', 'gold', 'seeds')
        union all
        select oid, 'ingot_run', privilege from tables cross join unnest('{insert,update,delete}'::text[]) as privilege where schema in ('silver', 'gold')
      )
      select format('grant %s on %s to %I', privilege, wanted.oid::regclass, role) from wanted join pg_roles as r on r.rolname = role
      where not case when privilege like '% (%' then has_any_column_privilege(r.oid, wanted.oid, split_part(privilege, ' ', 1)) else has_table_privilege(r.oid, wanted.oid, privilege) end
      union all
      select format('grant usage on schema %I to %I', n.nspname, r.rolname) from schemas as s join pg_namespace as n on n.nspname = s.name join pg_roles as r on r.rolname = any(s.roles)
      where pg_has_role(n.nspowner, 'usage') and not has_schema_privilege(r.oid, n.oid, 'usage')
      union all
      select 'alter default privileges in schema bronze grant select on tables to ingot_run' from pg_roles as r
      where rolname = 'ingot_run' and not exists (
        select from pg_default_acl cross join aclexplode(defaclacl) as a
        where defaclrole = current_user::regrole and defaclnamespace = 'bronze'::regnamespace and defaclobjtype = 'r' and a.grantee = r.oid
      )
      union all
      select format('grant usage on sequence bronze.raw_id to %I', rolname) from pg_roles where rolname = 'ingot_ingest' and not has_sequence_privilege(oid, 'bronze.raw_id', 'usage')
      union all
      select format('grant %s on database %I to %I', privilege, datname, rolname)
      from pg_database cross join (values ('ingot_ingest', 'connect'), ('ingot_read', 'connect'), ('ingot_run', 'connect'), ('ingot_run', 'temporary')) as of_database (role, privilege)
      join pg_roles as r on r.rolname = role
      where datname = current_database() and pg_has_role(datdba, 'usage') and not has_database_privilege(r.oid, pg_database.oid, privilege)
    loop
      execute statement;
    end loop;
    return missing;
  end
  $function$`;

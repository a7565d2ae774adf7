import type { Client } from 'pg';

/** A role of the service in the cluster of a database. */
export interface DatabaseRole {
  readonly role: string;
  /** False: the migration's user may not create roles. */
  readonly exists: boolean;
  /** Roles that can log in with its rights, the owner and superusers apart. */
  readonly logins: readonly string[];
}

const ROLES = ['ingot_ingest', 'ingot_read', 'ingot_run'] as const;

/** The roles of the service, always in this order, and who uses them. */
export async function databaseRoles(client: Client): Promise<DatabaseRole[]> {
  const { rows } = await client.query<DatabaseRole>(
    `select name as role, r.oid is not null as exists,
       array(select l.rolname::text from pg_roles as l where r.oid is not null and l.rolcanlogin and not l.rolsuper and l.rolname <> current_user and pg_has_role(l.oid, r.oid, 'usage') order by 1) as logins
     from unnest($1::text[]) with ordinality as named (name, position) left join pg_roles as r on r.rolname = name
     order by position`,
    [ROLES],
  );
  return rows;
}

/**
 * The statements that lack, for somebody who may make roles; after them `select ingot.grant_rights()`, or the next apply.
 * Names are quoted, passwords are left to be filled in.
 */
export async function roleStatements(client: Client, roles: readonly DatabaseRole[]): Promise<string[]> {
  const { rows } = await client.query<{ owner: string; database: string; owns: boolean; stats: boolean; temporary: boolean }>(
    `select quote_ident(current_user) as owner, quote_ident(current_database()) as database,
       case when to_regrole('ingot_run') is null then false else pg_has_role('ingot_run', 'usage') end as owns,
       case when to_regrole('ingot_run') is null then false else pg_has_role('ingot_run', 'pg_read_all_stats', 'usage') end as stats,
       exists (select from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) where datname = current_database() and grantee = 0 and privilege_type = 'TEMPORARY') as temporary`,
  );
  const { owner, database, owns, stats, temporary } = rows[0]!;
  return [
    ...roles.filter(({ exists }) => !exists).map(({ role }) => `create role ${role} nologin;`),
    ...(owns ? [] : [`grant ingot_run to ${owner};`]),
    ...(stats ? [] : ['grant pg_read_all_stats to ingot_run;']),
    ...roles.filter(({ logins }) => logins.length === 0).map(({ role }) => `create role ${role.replace('ingot_', '')}_login login password '...' in role ${role};`),
    ...(roles.some(({ role, logins }) => role === 'ingot_read' && logins.length === 0) ? ['alter role read_login set default_transaction_read_only = on;'] : []),
    ...(temporary ? [`grant temporary on database ${database} to ingot_run;`, `revoke temporary on database ${database} from public;`] : []),
  ];
}

import { placeInQuery, withRelations, type Model } from '@ingot/datasets';
import { sqlState, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { isSame, type AppliedCode } from './applied-code.js';
import { ApplyError } from './apply-error.js';
import { kindOf } from './catalog.js';
import { describe } from './model-table.js';
import { characters, placeOfError, serverError } from './sql-error.js';
import { relationName } from './sql-names.js';

const COLUMNS_CHANGED = '42P16'; // invalid_table_definition: CREATE OR REPLACE VIEW only adds columns at the end

/**
 * Makes views agree with their files. One whose columns change is dropped and made again, together with the given
 * views, in case they read it.
 * @param views in graph order
 * @throws ApplyError with the place in the file
 */
export async function makeViews(client: Client | Connection, views: readonly Model[], applied: AppliedCode, notice: (line: string) => void): Promise<void> {
  const present = new Set<string>();
  for (const view of views) {
    const kind = await kindOf(client, view.relation);
    if (kind === undefined) continue;
    if (kind !== 'view' || applied[view.relation] === undefined) {
      throw new ApplyError([{ ...placeInQuery(view.query, 0), message: `a ${kind} ${view.relation} exists already that Ingot has not made; drop or rename it` }]);
    }
    present.add(view.relation);
  }
  const outdated = views.filter((view) => !present.has(view.relation) || !isSame(view, applied[view.relation]));
  if (outdated.length === 0) return;
  await client.query('savepoint views');
  try {
    for (const view of outdated) await makeView(client, view);
  } catch (error) {
    if (sqlState((error as Error).cause) !== COLUMNS_CHANGED) throw error;
    await client.query('rollback to savepoint views');
    for (const view of [...views].reverse()) if (present.has(view.relation)) await dropView(client, view, notice);
    for (const view of views) await makeView(client, view);
  }
  await client.query('release savepoint views');
}

async function makeView(client: Client | Connection, view: Model): Promise<void> {
  const prefix = `create or replace view ${relationName(view.relation)} as\n`;
  const query = withRelations(view.query, () => undefined);
  try {
    await client.query(prefix + query.text);
  } catch (error) {
    throw new ApplyError([{ ...placeOfError(error, query, characters(prefix)), message: describe(view, error) }], { cause: error });
  }
}

async function dropView(client: Client | Connection, view: Model, notice: (line: string) => void): Promise<void> {
  const { rows } = await client.query<{ granted: boolean }>('select relacl is not null as granted from pg_class where oid = to_regclass($1)', [relationName(view.relation)]);
  try {
    await client.query(`drop view ${relationName(view.relation)}`);
  } catch (error) {
    const { message, detail } = serverError(error);
    throw new ApplyError([{ ...placeInQuery(view.query, 0), message: `the columns of ${view.relation} change, but ${message}${detail === undefined ? '' : `: ${detail.replaceAll('\n', ', ')}`}` }], { cause: error });
  }
  if (rows[0]?.granted) notice(`${view.relation} was made again because its columns changed; grants on it must be given again`);
}

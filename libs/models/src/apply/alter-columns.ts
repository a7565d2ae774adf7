import { placeInQuery, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from '../apply-error.js';
import { serverError } from '../sql-error.js';
import { columnName, relationName } from '../sql-names.js';
import type { ColumnChange } from './apply-plan.js';

/**
 * Adds columns to a table that stands, null in its rows, and drops those that go; no row is written.
 * @param changes columns that come or go; types are the server's own names
 * @throws ApplyError when something depends on a column that goes
 */
export async function alterColumns(client: Client | Connection, model: Model, changes: readonly ColumnChange[]): Promise<void> {
  const parts = changes.map(({ name, after }) => (after === undefined ? `drop column ${columnName(name)}` : `add column ${columnName(name)} ${after}`));
  if (parts.length === 0) return;
  try {
    await client.query(`alter table ${relationName(model.relation)} ${parts.join(', ')}`);
  } catch (error) {
    const { message, detail } = serverError(error);
    throw new ApplyError([{ ...placeInQuery(model.query, 0), message: `the columns of ${model.relation} change, but ${message}${detail === undefined ? '' : `: ${detail.replaceAll('\n', ', ')}`}` }], { cause: error });
  }
}

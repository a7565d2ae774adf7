import { withRelations, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from './apply-error.js';
import { describe } from './model-table.js';
import { characters, placeOfError } from './sql-error.js';
import { relationName } from './sql-names.js';

/** invalid_table_definition: CREATE OR REPLACE VIEW only adds columns at the end. */
export const COLUMNS_CHANGED = '42P16';

/**
 * Makes a view, or replaces it.
 * @throws ApplyError with the place in the file; its cause has the state COLUMNS_CHANGED when the view must be dropped first
 */
export async function makeView(client: Client | Connection, view: Model): Promise<void> {
  const prefix = `create or replace view ${relationName(view.relation)} as\n`;
  const query = withRelations(view.query, () => undefined);
  try {
    await client.query(prefix + query.text);
  } catch (error) {
    throw new ApplyError([{ ...placeOfError(error, query, characters(prefix)), message: describe(view, error) }], { cause: error });
  }
}

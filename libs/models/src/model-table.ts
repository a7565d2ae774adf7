import { placeInQuery, withRelations, type Dataset, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { AppliedCode } from './applied-code.js';
import { ApplyError } from './apply-error.js';
import { kindOf } from './catalog.js';
import { distribute } from './distribution.js';
import { makePartitioned, restOf } from './retention/months.js';
import { bareName, columnName, joinedName, relationName, RUN_ID } from './sql-names.js';
import { characters, placeOfError, serverError } from './sql-error.js';

/**
 * Drops the relations of a dataset in which nothing has run yet, to make them anew. A relation that is not the
 * engine's own, or into which somebody has put rows by hand, stays.
 * @throws ApplyError
 */
export async function dropTables(client: Client | Connection, dataset: Dataset, applied: AppliedCode): Promise<void> {
  for (const model of [...dataset.models].reverse()) {
    const kind = await kindOf(client, model.relation);
    if (kind === undefined || applied[model.relation] === undefined) continue;
    const name = relationName(model.relation);
    if (kind === 'table' && (await client.query(`select from ${name} limit 1`)).rowCount !== 0) {
      throw refusal(model, `${model.relation} is to be made anew, but it holds rows that no run has written; empty it first`);
    }
    try {
      await client.query(`drop ${kind === 'view' ? 'view' : 'table'} ${name}`);
    } catch (error) {
      const { message, detail } = serverError(error);
      throw new ApplyError([{ ...placeInQuery(model.query, 0), message: `${model.relation} is to be made anew, but ${message}${detail === undefined ? '' : `: ${detail.replaceAll('\n', ', ')}`}` }], { cause: error });
    }
  }
}

/**
 * Makes an empty table with the columns that a model's SELECT gives, and `_run_id`. A table that later models read as
 * growing gets a BRIN on `_run_id`; a changing one none, because an index there ends HOT updates.
 * @throws ApplyError with the place in the file when the SELECT does not run
 */
export async function createTable(client: Client | Connection, model: Model): Promise<void> {
  const { partitionBy } = model;
  const first = partitionBy === undefined ? model.relation : restOf(model.relation);
  await createTableAs(client, model, first, 'with no data');
  await client.query(`alter table ${relationName(first)} add column ${columnName(RUN_ID)} bigint not null`);
  if (partitionBy !== undefined) await makePartitioned(client, model, partitionBy.column);
  await client.query(`comment on column ${relationName(model.relation)}.${columnName(RUN_ID)} is 'The run that wrote the row: ingot.runs.run_id.'`);
  if (model.strategy === 'append') {
    const index = columnName(joinedName(bareName(model.relation), 'run_id_idx'));
    await client.query(`create index ${index} on ${relationName(model.relation)} using brin (${columnName(RUN_ID)}) with (autosummarize = on)`);
  }
  await distribute(client, model);
}

/**
 * Makes a table with the columns that a model's SELECT gives, and no other.
 * @param rows whether it holds what the SELECT gives, too
 * @throws ApplyError with the place in the file when the SELECT does not run
 */
export async function createTableAs(client: Client | Connection, model: Model, relation: string, rows: 'with data' | 'with no data'): Promise<void> {
  const prefix = `create table ${relationName(relation)} as\n`;
  const query = withRelations(model.query, () => undefined);
  try {
    await client.query(`${prefix}${query.text}\n${rows}`);
  } catch (error) {
    throw new ApplyError([{ ...placeOfError(error, query, characters(prefix)), message: describe(model, error) }], { cause: error });
  }
}

export function describe(model: Model, error: unknown): string {
  const { message, hint } = serverError(error);
  return `${model.relation}: ${message ?? String(error)}${hint === undefined ? '' : ` (${hint})`}`;
}

function refusal(model: Model, message: string): ApplyError {
  return new ApplyError([{ ...placeInQuery(model.query, 0), message }]);
}

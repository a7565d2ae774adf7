import { type Expectation, type Model, type QuarantinedRow, type UnitRow } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { createTableAs } from '../model-table.js';
import type { Step } from '../step.js';
import { columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { rowDifferences, type RowDifferences } from './row-differences.js';
import { quarantineOf, type StandIns } from './stand-ins.js';

/** The column that shows why a row was put aside. */
const REASONS = 'reasons';
const INGEST_XID = 'ingest_xid';

export interface UnmetExpectation {
  /** The model's table, or the rows it has put aside. */
  readonly of: 'table' | 'quarantine';
  readonly rows: RowDifferences;
}

/**
 * Compares what a model has made of the rows given with what is expected; undefined when all is as expected. Rows put
 * aside that nobody expects are a difference too.
 * @param step undefined for a view
 * @throws ApplyError when a view's SELECT fails on the rows
 */
export async function unmetExpectation(client: Client | Connection, standIns: StandIns, model: Model, step: Step | undefined, expectation: Expectation): Promise<UnmetExpectation | undefined> {
  const { prefix: schema } = standIns.area;
  const like = model.relation;
  const rows = step === undefined ? await viewRows(client, model, `${schema}.result`) : relationName(model.relation);
  const result = await rowDifferences(client, expectation, { rows, schema, like, key: model.uniqueKey });
  if (result.rows.length > 0) return { of: 'table', rows: result };
  if (step?.rowWise === undefined) return undefined;
  const diverted = await divertedDifferences(client, standIns, step.rowWise, expectation.quarantined ?? []);
  return diverted.rows.length > 0 ? { of: 'quarantine', rows: diverted } : undefined;
}

/** A view's stand-in is a table, for the models that read it; what the view gives itself is computed here. */
async function viewRows(client: Client | Connection, model: Model, relation: string): Promise<string> {
  const table = relationName(relation);
  await client.query(`drop table if exists ${table}`);
  await createTableAs(client, model, relation, 'with data');
  return table;
}

/** The rows put aside so far, as rows of the input, with the reasons: names of data tests, or the SQLSTATE. */
async function divertedDifferences(client: Client | Connection, { area }: StandIns, { input, inputColumns }: NonNullable<Step['rowWise']>, expected: readonly QuarantinedRow[]): Promise<RowDifferences> {
  const like = `${area.prefix}.diverted`;
  const shown = inputColumns.filter((column) => column !== INGEST_XID && column !== RUN_ID);
  await client.query(`drop table if exists ${relationName(like)}`);
  await client.query(
    `create table ${relationName(like)} as
     select ${columnList(shown, 'r')}, case when e.sqlstate is null then array(select unnest(e.reasons) order by 1) else array[e.sqlstate] end as ${columnName(REASONS)}
     from ${relationName(quarantineOf(area))} as e cross join lateral jsonb_populate_record(null::${relationName(input)}, e.input_row) as r order by e.id`,
  );
  const rows = expected.map(({ cells, reasons, place }): UnitRow => ({ place, cells: reasons === undefined ? cells : new Map([...cells, [REASONS, { value: [...reasons].sort(), place }]]) }));
  const columns = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))];
  return rowDifferences(client, { columns, rows }, { rows: relationName(like), schema: area.prefix, like, key: [] });
}

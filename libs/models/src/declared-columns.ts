import { placeInQuery, type Model, type Problem } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from './apply-error.js';
import { columnsOf } from './catalog.js';

/**
 * Compares what the header says of the columns with what the database has made of the SELECT: declared types, and
 * that nothing is accumulated as a sum of floating-point numbers, whose result would depend on the order of rows.
 * @throws ApplyError with every mismatch
 */
export async function checkColumns(client: Client | Connection, model: Model): Promise<void> {
  const actual = new Map((await columnsOf(client, model.relation)).map((column) => [column.name, column]));
  const problems: Problem[] = [];
  for (const { name, dataType, place = placeInQuery(model.query, 0) } of model.columns) {
    const column = actual.get(name);
    if (column === undefined) problems.push({ ...place, message: `${model.relation} gives no column ${name}; it gives ${[...actual.keys()].join(', ')}` });
    else if (dataType !== undefined && !(await isType(client, dataType, column.typeOid, column.type))) {
      problems.push({ ...place, message: `${model.relation}.${name} is declared ${dataType}, but the SELECT gives ${column.type}` });
    }
  }
  for (const [name, aggregate] of Object.entries(model.accumulate)) {
    const type = actual.get(name)?.type;
    if (aggregate !== 'sum' || (type !== 'double precision' && type !== 'real')) continue;
    problems.push({ ...placeInQuery(model.query, 0), message: `${model.relation}.${name} is a sum of ${type}, which depends on the order of rows: sum ::text::numeric instead` });
  }
  if (problems.length > 0) throw new ApplyError(problems);
}

/** `numeric(10,2)` must agree in its modifiers too; `numeric` says nothing about them. */
async function isType(client: Client | Connection, declared: string, oid: string, type: string): Promise<boolean> {
  const { rows } = await client.query<{ oid: string | null }>('select to_regtype($1)::oid::text as oid', [declared]);
  const modifiers = (text: string): string => (/\(([^)]*)\)/.exec(text)?.[1] ?? '').replaceAll(' ', '');
  return rows[0]?.oid === oid && (modifiers(declared) === '' || modifiers(declared) === modifiers(type));
}

import { withRelations, type Dataset, type Model } from '@ingot/datasets';
import type { Client } from 'pg';

/**
 * What a run competes with: the models' own SELECTs over a table that holds the new rows and nothing else, written with
 * INSERT into tables with the same columns, indexes and history. No watermark, no tests, no ledger.
 * @param fresh `schema.table` of the new bronze rows
 * @returns the statements of one transaction
 */
export function bareRun(dataset: Dataset, fresh: string): string[] {
  const statements: string[] = [];
  const changed = new Map<string, string>([...dataset.sources.map(({ relation }): [string, string] => [relation, fresh])]);
  for (const model of dataset.models) {
    const columns = model.columns.map(({ name }) => name).join(', ');
    const table = bareTable(model.relation);
    const delta = `pg_temp.new_${model.relation.split('.')[1]}`;
    switch (model.strategy) {
      case 'append':
        statements.push(`create temporary table ${delta.slice(8)} on commit drop as ${select(model, changed)}`, `insert into ${table} (${columns}) select ${columns} from ${delta}`);
        break;
      case 'accumulate':
        statements.push(`create temporary table ${delta.slice(8)} on commit drop as ${select(model, changed)}`, upsert(model, table, columns, delta));
        break;
      case 'delete+insert': {
        const keys = model.touchKey.map(({ column }) => column).join(', ');
        const touched = changed.get(model.incrementOn[0] ?? '') ?? '';
        statements.push(`delete from ${table} where (${keys}) in (select ${keys} from ${touched})`, `insert into ${table} (${columns}) select ${columns} from (${select(model, new Map())}) as q where (${keys}) in (select ${keys} from ${touched})`);
        break;
      }
      case 'merge':
      case undefined:
        continue; // the sensor dataset has none
    }
    changed.set(model.relation, delta);
  }
  return statements;
}

/** Copies of the dataset's tables as they are now. */
export async function makeBareTables(client: Client, dataset: Dataset): Promise<void> {
  await client.query('create schema bare');
  for (const { relation, strategy } of dataset.models) {
    if (strategy === undefined) continue;
    const table = bareTable(relation);
    await client.query(`create table ${table} (like ${relation} including indexes); alter table ${table} drop column _run_id`);
    await client.query(`insert into ${table} select ${(await columnsOf(client, table)).join(', ')} from ${relation}`);
    await client.query(`vacuum analyze ${table}`);
  }
}

async function columnsOf(client: Client, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('select quote_ident(attname) as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum', [table]);
  return rows.map(({ name }) => name);
}

function bareTable(relation: string): string {
  return `bare.${relation.split('.')[1]}`;
}

/** The model's SELECT over the rows of this run where there are any, else over the bare tables. */
function select(model: Model, changed: ReadonlyMap<string, string>): string {
  return withRelations(model.query, ({ relation }) => (model.incrementOn.includes(relation) ? changed.get(relation) : undefined) ?? bareTable(relation)).text;
}

function upsert(model: Model, table: string, columns: string, delta: string): string {
  const meet = { count: '+', sum: '+', min: 'least', max: 'greatest' } as const;
  const sets = Object.entries(model.accumulate).map(([column, how]) => {
    const word = meet[how];
    return `${column} = ${word === '+' ? `t.${column} + excluded.${column}` : `${word}(t.${column}, excluded.${column})`}`;
  });
  return `insert into ${table} as t (${columns}) select ${columns} from ${delta} on conflict (${model.uniqueKey.join(', ')}) do update set ${sets.join(', ')}`;
}

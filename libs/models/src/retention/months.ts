import { placeInQuery, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from '../apply-error.js';
import { columnsOf } from '../catalog.js';
import { bareName, columnName, joinedName, relationName, schemaOf } from '../sql-names.js';

type Session = Client | Connection;

/** A month of a table as its first day and that of the month after it, `2030-01-01`, in UTC. */
export interface Month {
  readonly from: string;
  readonly to: string;
}

/** A partition that holds one month. Its name is without the schema, which is the table's own. */
export interface MonthPartition extends Month {
  readonly name: string;
}

export interface MonthPartitions {
  /** Ascending. */
  readonly months: readonly MonthPartition[];
  /** Of the partition that holds the rest. */
  readonly rest: string;
}

/** How many months wait beside the one of today. */
const AHEAD = 2;
const TYPES = new Set(['date', 'timestamp without time zone', 'timestamp with time zone']);

/** `silver.stg_default`: where rows are whose month has no partition. */
export function restOf(relation: string): string {
  return `${schemaOf(relation)}.${joinedName(bareName(relation), 'default')}`;
}

/** The partitions of a table; undefined when it has none. */
export async function listMonths(client: Session, relation: string): Promise<MonthPartitions | undefined> {
  const { rows } = await client.query<{ name: string; bound: string }>(
    `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound from pg_inherits as i join pg_class as c on c.oid = i.inhrelid where i.inhparent = to_regclass($1)`,
    [relationName(relation)],
  );
  const months: MonthPartition[] = [];
  let rest: string | undefined;
  for (const { name, bound } of rows) {
    const range = /^FOR VALUES FROM \('(\d{4}-\d\d-\d\d)[^']*'\) TO \('(\d{4,}-\d\d-\d\d)[^']*'\)$/.exec(bound);
    if (range !== null) months.push({ name, from: range[1]!, to: range[2]! });
    else if (bound === 'DEFAULT') rest = name;
    else throw new Error(`${schemaOf(relation)}.${name}: cannot read its partition bound ${bound}`);
  }
  return rest === undefined ? undefined : { months: months.sort((a, b) => (a.from < b.from ? -1 : 1)), rest };
}

/**
 * Makes a table of months out of the empty table that is to hold the rest, inside the caller's transaction.
 * @throws ApplyError when the column is no time
 */
export async function makePartitioned(client: Session, model: Model, column: string): Promise<void> {
  const type = (await columnsOf(client, restOf(model.relation))).find(({ name }) => name === column)?.type;
  if (type === undefined || !TYPES.has(type)) {
    const is = type === undefined ? 'no column of its SELECT' : type;
    throw new ApplyError([{ ...placeInQuery(model.query, 0), message: `${model.relation}: partition_by names ${column}, which is ${is}: months are of a date, timestamp or timestamptz` }]);
  }
  const [table, rest] = [relationName(model.relation), relationName(restOf(model.relation))];
  await client.query(`create table ${table} (like ${rest}) partition by range (${columnName(column)}); alter table ${table} attach partition ${rest} default`);
  for (const month of await monthsAhead(client)) await attachMonth(client, model.relation, month);
}

/** The month of now and those after it. */
export async function monthsAhead(client: Session): Promise<Month[]> {
  return monthsFrom(client, `select generate_series(date_trunc('month', now()), date_trunc('month', now()) + interval '${AHEAD} months', interval '1 month') as month`);
}

/** The months of a query's column `month`, ascending; those of before the year 1 are left out: their names would not sort. */
export async function monthsFrom(client: Session, query: string): Promise<Month[]> {
  const { rows } = await client.query<Month>(
    `select to_char(month at time zone 'UTC', 'YYYY-MM-DD') as "from", to_char((month + interval '1 month') at time zone 'UTC', 'YYYY-MM-DD') as "to"
     from (${query}) as m where isfinite(month) and month >= '0001-01-01 00:00+00' and month < '9999-12-01 00:00+00' order by month`,
  );
  return rows;
}

/** The month of a column's value, as SQL of type timestamptz. */
export function monthOf(column: string): string {
  return `date_trunc('month', ${columnName(column)}::timestamptz)`; // sessions are in UTC
}

/** Makes an empty partition and attaches it; no row of the rest may belong there. */
export async function attachMonth(client: Session, relation: string, month: Month): Promise<string> {
  const name = await makeMonth(client, relation, month);
  await client.query(attachment(relation, name, month));
  return name;
}

/** A table that can become the partition of a month. */
export async function makeMonth(client: Session, relation: string, { from }: Month): Promise<string> {
  const name = joinedName(bareName(relation), `p${from.slice(0, 7).replace('-', '_')}`);
  await client.query(`create table ${partitionOf(relation, name)} (like ${relationName(relation)} including defaults including constraints including indexes)`);
  const { rows } = await client.query<{ options: string[] | null }>('select reloptions as options from pg_class where oid = to_regclass($1)', [relationName(restOf(relation))]);
  const options = (rows[0]?.options ?? []).map((option) => option.replace('=', ' = '));
  if (options.length > 0) await client.query(`alter table ${partitionOf(relation, name)} set (${options.join(', ')})`); // out of the catalogue: plain words and numbers
  return name;
}

export function attachment(relation: string, name: string, { from, to }: Month): string {
  return `alter table ${relationName(relation)} attach partition ${partitionOf(relation, name)} for values from ('${from}') to ('${to}')`;
}

/** A partition as it stands in SQL. */
export function partitionOf(relation: string, name: string): string {
  return relationName(`${schemaOf(relation)}.${name}`);
}

import type { Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnsOf, kindOf } from '../catalog.js';
import { columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { attachMonth, attachment, listMonths, makeMonth, monthOf, monthsAhead, monthsFrom, partitionOf, type Month } from './months.js';
import { lockPatiently } from './patient-lock.js';

type Session = Client | Connection;

/** More than fifty years; what is outside stays with the rest. */
const MOST_MONTHS = 600;
/** Months that one call takes out of the rest of a live table. */
const MOST_AT_ONCE = 12;

/**
 * Before a shadow is filled: the months that the live table holds, so that rows go where they belong at once.
 * @param live the table whose place it takes; nothing when it has no such column, or is not there
 */
export async function prepareMonths(client: Session, live: string, shadow: Model): Promise<void> {
  const { partitionBy, relation } = shadow;
  if (partitionBy === undefined || (await kindOf(client, live)) !== 'table') return;
  if (!(await columnsOf(client, live)).some(({ name }) => name === partitionBy.column)) return;
  const found = await monthsFrom(client, `select distinct ${monthOf(partitionBy.column)} as month from ${relationName(live)}`);
  const there = new Set((await listMonths(client, relation))?.months.map(({ from }) => from));
  for (const month of found.slice(-MOST_MONTHS)) if (!there.has(month.from)) await attachMonth(client, relation, month);
}

/** After a shadow was filled: what fell into its rest moves into months of its own. Nobody reads it yet. */
export async function settleMonths(client: Session, { partitionBy, relation }: Model): Promise<void> {
  if (partitionBy === undefined) return;
  for (const month of (await monthsOfRest(client, relation, partitionBy.column)).slice(-MOST_MONTHS)) await moveMonth(client, relation, partitionBy.column, month);
}

/**
 * What a live table lacks: months ahead, and months of which rows have fallen into the rest. Inside the caller's
 * transaction, under the dataset's lock.
 * @returns names of the partitions made
 * @throws 55P03 when readers held the rest all the time: nothing is changed
 */
export async function keepMonths(client: Session, { partitionBy, relation }: Model): Promise<string[]> {
  const partitions = partitionBy === undefined ? undefined : await listMonths(client, relation);
  if (partitionBy === undefined || partitions === undefined) return [];
  const there = new Set(partitions.months.map(({ from }) => from));
  const ahead = await monthsAhead(client);
  const isEmpty = (await client.query(`select from only ${partitionOf(relation, partitions.rest)} limit 1`)).rowCount === 0;
  const late = isEmpty ? [] : (await monthsOfRest(client, relation, partitionBy.column)).filter(({ from }) => from < ahead[0]!.from);
  const missing = [...late.slice(0, MOST_AT_ONCE), ...ahead].filter(({ from }) => !there.has(from));
  const made: string[] = [];
  for (const month of missing) {
    if (!isEmpty) made.push(await moveMonth(client, relation, partitionBy.column, month, () => lockPatiently(client, [partitionOf(relation, partitions.rest)])));
    else {
      await lockPatiently(client, [partitionOf(relation, partitions.rest)]);
      made.push(await attachMonth(client, relation, month));
    }
  }
  return made;
}

async function monthsOfRest(client: Session, relation: string, column: string): Promise<Month[]> {
  const rest = (await listMonths(client, relation))?.rest;
  return rest === undefined ? [] : monthsFrom(client, `select distinct ${monthOf(column)} as month from only ${partitionOf(relation, rest)}`);
}

/** Rows keep the run that wrote them: to everybody but the server they are the same rows. */
async function moveMonth(client: Session, relation: string, column: string, month: Month, lock: () => Promise<void> = () => Promise.resolve()): Promise<string> {
  const rest = (await listMonths(client, relation))!.rest;
  const name = await makeMonth(client, relation, month);
  const columns = columnList([...(await columnsOf(client, relation)).map((each) => each.name), RUN_ID]);
  await client.query(
    `with gone as (delete from only ${partitionOf(relation, rest)} where ${columnName(column)} >= '${month.from}' and ${columnName(column)} < '${month.to}' returning ${columns})
     insert into ${partitionOf(relation, name)} (${columns}) select ${columns} from gone`,
  );
  await lock();
  await client.query(attachment(relation, name, month));
  return name;
}

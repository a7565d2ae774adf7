import type { Dataset, Seed } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from '../apply-error.js';
import { columnsOf, kindOf, type TableColumn } from '../catalog.js';
import { syncComments } from '../comments.js';
import { serverError } from '../sql-error.js';
import { bareName, columnList, columnName, joinedName, relationName, schemaOf } from '../sql-names.js';
import { differenceStatements } from '../strategies/table-difference.js';

/** Relations of the seeds whose rows or columns are not those last loaded; new ones among them. */
export async function changedSeeds(client: Client | Connection, dataset: Dataset): Promise<string[]> {
  const applied = await readApplied(client, dataset.name);
  return dataset.seeds.filter(({ relation, codeHash }) => applied.get(relation) !== codeHash).map(({ relation }) => relation);
}

/**
 * Makes the tables of a dataset's seeds hold what the files say. Of a table that is there the difference is applied, so
 * readers never see it empty; only columns that come, go or change their type lock it for a moment. To those that read
 * them it is the change of a lookup: what they have computed stays.
 *
 * Inside the transaction of apply, under the dataset's lock, behind its row in ingot.datasets and before anything that
 * reads seeds is made.
 * @returns the relations that changed
 * @throws ApplyError for a value that is none of its type, a table of that name that is not ours, or a view that stands
 *   in the way of a column that goes
 */
export async function syncSeeds(client: Client | Connection, dataset: Dataset): Promise<string[]> {
  const applied = await readApplied(client, dataset.name);
  const changed = dataset.seeds.filter(({ relation, codeHash }) => applied.get(relation) !== codeHash);
  for (const seed of changed) {
    await syncSeed(client, seed, applied.has(seed.relation));
    await client.query(
      `insert into ingot.seeds (dataset, relation, code_hash) values ($1, $2, $3)
       on conflict (dataset, relation) do update set code_hash = excluded.code_hash, applied_at = now()`,
      [dataset.name, seed.relation, seed.codeHash],
    );
  }
  await syncSeedComments(client, dataset);
  return changed.map(({ relation }) => relation);
}

/** Puts the descriptions on the tables of seeds: they are part of no hash, so nothing tells whether they have changed. */
export async function syncSeedComments(client: Client | Connection, { seeds }: Dataset): Promise<void> {
  for (const seed of seeds) await syncComments(client, { ...seed, materialized: 'table' });
}

async function readApplied(client: Client | Connection, dataset: string): Promise<Map<string, string>> {
  const { rows } = await client.query<{ relation: string; hash: string }>('select relation, code_hash as hash from ingot.seeds where dataset = $1', [dataset]);
  return new Map(rows.map(({ relation, hash }) => [relation, hash]));
}

async function syncSeed(client: Client | Connection, seed: Seed, isOurs: boolean): Promise<void> {
  const { relation, file, columns } = seed;
  const kind = await kindOf(client, relation);
  if (kind !== undefined && !isOurs) throw new ApplyError([{ file, line: 1, column: 1, message: `a ${kind} ${relation} exists already that Ingot has not made; drop or rename it` }]);
  const wanted = await loadRows(client, seed);
  if (kind === undefined) {
    await client.query(`create schema if not exists ${columnName(schemaOf(relation))}`);
    await client.query(`create table ${relationName(relation)} (like ${wanted})`);
  } else await alterColumns(client, seed, wanted);
  await syncKey(client, seed, 'before');
  const difference = differenceStatements({ table: relationName(relation), wanted, columns: columns.map(({ name }) => name), distinct: seed.uniqueKey.length > 0 });
  await client.query(difference.remove);
  await client.query(difference.add);
  await client.query(`drop table ${wanted}`);
  await syncKey(client, seed, 'after');
}

/** The file's rows in a table of the session, typed. */
async function loadRows(client: Client | Connection, { relation, columns, rows }: Seed): Promise<string> {
  const name = `pg_temp.${columnName(joinedName('seed', bareName(relation)))}`;
  try {
    await client.query(`create temporary table ${columnName(joinedName('seed', bareName(relation)))} (${columns.map((column) => `${columnName(column.name)} ${column.dataType}`).join(', ')}) on commit drop`);
    const values = columns.map(({ dataType }, i) => `(r ->> ${i})::${dataType}`).join(', ');
    await client.query(`insert into ${name} select ${values} from jsonb_array_elements($1::jsonb) as r`, [JSON.stringify(rows)]);
    return name;
  } catch (error) {
    throw refusal({ relation, columns }, error);
  }
}

/** The columns and types of the table become those of the file; what comes or has another type is null until the rows follow. */
async function alterColumns(client: Client | Connection, seed: Seed, wanted: string): Promise<void> {
  const [stored, file] = [await columnsOf(client, seed.relation), await columnsOfTemporary(client, wanted)];
  const [storedType, wantedType] = [stored, file].map((columns) => new Map(columns.map(({ name, type }) => [name, type]))) as [Map<string, string>, Map<string, string>];
  // Not ALTER TYPE: that writes the table anew, and those with an older snapshot would see it empty.
  const actions = [
    ...stored.filter(({ name, type }) => wantedType.get(name) !== type).map(({ name }) => `drop column ${columnName(name)}`),
    ...file.filter(({ name, type }) => storedType.get(name) !== type).map(({ name, type }) => `add column ${columnName(name)} ${type}`),
  ];
  if (actions.length === 0) return;
  await client.query(`drop index if exists ${relationName(`${schemaOf(seed.relation)}.${keyIndex(seed)}`)}`);
  try {
    await client.query(`alter table ${relationName(seed.relation)} ${actions.join(', ')}`);
  } catch (error) {
    throw refusal(seed, error);
  }
}

async function columnsOfTemporary(client: Client | Connection, name: string): Promise<Pick<TableColumn, 'name' | 'type'>[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [name],
  );
  return rows;
}

/** One unique index for `unique_key`; that of other columns is removed before rows come that it would refuse. */
async function syncKey(client: Client | Connection, seed: Seed, when: 'before' | 'after'): Promise<void> {
  const { relation, uniqueKey } = seed;
  const index = relationName(`${schemaOf(relation)}.${keyIndex(seed)}`);
  const { rows } = await client.query<{ columns: string[] }>(
    `select array(select attname::text from pg_attribute where attrelid = indrelid and attnum = any(indkey) order by array_position(indkey::smallint[], attnum)) as columns from pg_index where indexrelid = to_regclass($1)`,
    [index],
  );
  const stored = rows[0]?.columns;
  if (stored !== undefined && stored.join() !== uniqueKey.join()) await client.query(`drop index ${index}`);
  if (when === 'before' || uniqueKey.length === 0 || stored?.join() === uniqueKey.join()) return;
  try {
    await client.query(`create unique index ${columnName(keyIndex(seed))} on ${relationName(relation)} (${columnList(uniqueKey)}) nulls not distinct`);
  } catch (error) {
    throw refusal(seed, error); // texts that differ may be one value, as 1 and 1.0 are
  }
}

function keyIndex({ relation }: Seed): string {
  return joinedName(bareName(relation), 'key');
}

function refusal({ relation, columns }: Pick<Seed, 'relation' | 'columns'>, error: unknown): ApplyError {
  const { message, detail } = serverError(error);
  const place = columns[0]?.place ?? { file: relation, line: 1, column: 1 };
  return new ApplyError([{ ...place, message: `${relation}: ${message ?? String(error)}${detail === undefined ? '' : `: ${detail.replaceAll('\n', ', ')}`}` }], { cause: error });
}

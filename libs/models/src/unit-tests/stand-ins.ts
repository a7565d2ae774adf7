import { randomBytes } from 'node:crypto';
import { BRONZE_COLUMNS, type Dataset, type DataTestKind, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { inArea, relationIn, schemaIn, type Area } from '../apply/shadow-dataset.js';
import { checkColumns } from '../declared-columns.js';
import { createTableAs } from '../model-table.js';
import { ApplyError } from '../apply-error.js';
import { columnName, relationName, RUN_ID, schemaOf } from '../sql-names.js';

/** Data tests that a run carries out by query when a step is done: about data, not about a model. */
const BY_QUERY: readonly DataTestKind[] = ['relationships', 'freshness', 'row_count_change'];

/** A dataset whose relations are empty tables of a transaction that is rolled back. */
export interface StandIns {
  readonly area: Area;
  /** The dataset with every relation in the area, without the models that could not be made. */
  readonly dataset: Dataset;
  /** By relation of the real dataset: why it has no stand-in. */
  readonly failures: ReadonlyMap<string, Error>;
  /** The stand-in of a relation. */
  named(relation: string): string;
  /** What a message of the engine says of stand-ins, said of what they stand for. */
  original(message: string): string;
}

/**
 * Makes an empty table for each of some models and for all they read, directly or not, with the columns and types that
 * the files give: bronze by definition, a seed by its declared types, a model by its SELECT over the stand-ins of what
 * it reads. The real relations are neither read nor locked, so it works before the first apply and beside a run. Two
 * at once do not meet, as each has schemas of its own; the session's temporary tables, too, are named after them.
 * @param client inside a transaction that the caller rolls back
 */
export async function makeStandIns(client: Client | Connection, whole: Dataset, relations: Iterable<string>): Promise<StandIns> {
  const dataset = withInputs(whole, new Set(relations));
  const area = { prefix: `ingot_unit_${randomBytes(6).toString('hex')}` };
  const owned = [...dataset.sources, ...dataset.seeds, ...dataset.models].map(({ relation }) => relation);
  const renamed = inArea(dataset, new Set(owned), area);
  const named = (relation: string): string => relationIn(area, relation);
  const schemas = new Set(owned.map(schemaOf));
  for (const schema of schemas) await client.query(`create schema ${columnName(schemaIn(area, schema))}`);
  await client.query(`create schema ${columnName(area.prefix)}`);
  await client.query(`create table ${relationName(quarantineOf(area))} (like ingot.quarantine including defaults including identity including constraints)`);

  for (const { relation } of dataset.sources) await makeTable(client, named(relation), BRONZE_COLUMNS);
  for (const { relation, columns } of renamed.seeds) await makeTable(client, relation, columns);
  const failures = new Map<string, Error>();
  const made: Model[] = [];
  for (const [i, model] of renamed.models.entries()) {
    const { relation, query } = dataset.models[i]!;
    const failedInput = query.mentions.find((mention) => failures.has(mention.relation));
    try {
      if (failedInput !== undefined) throw failures.get(failedInput.relation)!;
      await client.query('savepoint stand_in');
      await makeModel(client, model);
      await client.query('release savepoint stand_in');
      made.push(model);
    } catch (error) {
      if (!(error instanceof ApplyError)) throw error;
      if (failedInput === undefined) await client.query('rollback to savepoint stand_in');
      failures.set(relation, error);
    }
  }
  const sources = dataset.sources.map((source) => ({ ...source, relation: named(source.relation) }));
  return { area, dataset: { ...renamed, sources, models: made }, failures, named, original: (message) => message.replaceAll(`${area.prefix}_`, '') };
}

/** The part of a dataset that some models are made of. */
function withInputs(dataset: Dataset, relations: Set<string>): Dataset {
  for (const { relation, query } of [...dataset.models].reverse()) {
    if (relations.has(relation)) for (const mention of query.mentions) relations.add(mention.relation);
  }
  const { sources, seeds, models } = dataset;
  const needed = ({ relation }: { relation: string }): boolean => relations.has(relation);
  const gated = models.filter(needed).map((model) => ({ ...model, dataTests: model.dataTests.filter(({ kind }) => !BY_QUERY.includes(kind)) }));
  return { ...dataset, sources: sources.filter(needed), seeds: seeds.filter(needed), models: gated, dataTests: [] };
}

/** Takes the rows that a model diverts. */
export function quarantineOf(area: Area): string {
  return `${area.prefix}.quarantine`;
}

async function makeTable(client: Client | Connection, relation: string, columns: readonly { readonly name: string; readonly dataType: string }[]): Promise<void> {
  await client.query(`create table ${relationName(relation)} (${columns.map(({ name, dataType }) => `${columnName(name)} ${dataType}`).join(', ')})`);
}

async function makeModel(client: Client | Connection, model: Model): Promise<void> {
  await createTableAs(client, model, model.relation, 'with no data');
  if (model.materialized !== 'view') await client.query(`alter table ${relationName(model.relation)} add column ${columnName(RUN_ID)} bigint not null`);
  await checkColumns(client, model);
}

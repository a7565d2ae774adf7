import { placeInQuery, type Dataset, type Model, type Problem } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from '../apply-error.js';
import { makeBronzeTable } from '../bronze-table.js';
import { columnsOf, kindOf, type TableColumn } from '../catalog.js';
import { checkColumns } from '../declared-columns.js';
import { createTable } from '../model-table.js';
import { columnName, schemaOf } from '../sql-names.js';
import { makeView } from '../views.js';
import type { ColumnChange } from './apply-plan.js';
import { rebuilt, type Look } from './look.js';
import type { CheckReaders } from './options.js';
import { inArea, relationIn, schemaIn, trialArea, type Area } from './shadow-dataset.js';
import { makeSeedShadows } from './seed-shadows.js';

export interface Trial {
  /** By live name: the columns that a changed or rebuilt relation will have. */
  readonly columns: ReadonlyMap<string, readonly TableColumn[]>;
  /** Of tables that are there. */
  readonly changes: ReadonlyMap<string, readonly ColumnChange[]>;
}

/**
 * Makes everything that changes, without rows and beside the live relations, in a transaction that is rolled back: every
 * SELECT must run, declared columns and types must be what they give.
 * @param inside where the session stands: in a transaction, only what the trial does is rolled back
 * @throws ApplyError with every problem of the model that fails first, at its place; else with those of the readers
 */
export async function tryOut(client: Client | Connection, dataset: Dataset, looked: Look, inside: 'a transaction' | 'none', checkReaders?: CheckReaders): Promise<Trial> {
  await client.query(inside === 'none' ? 'begin' : 'savepoint trial');
  try {
    return await make(client, dataset, looked, checkReaders);
  } catch (error) {
    throw inLiveNames(error, trialArea(dataset.name));
  } finally {
    await client.query(inside === 'none' ? 'rollback' : 'rollback to savepoint trial; release savepoint trial').catch(() => undefined);
  }
}

async function make(client: Client | Connection, dataset: Dataset, looked: Look, checkReaders?: CheckReaders): Promise<Trial> {
  const { seeds } = looked;
  const area = trialArea(dataset.name);
  const models = movedModels(looked);
  for (const { relation, file } of dataset.sources) if ((await kindOf(client, relation)) === undefined) await makeBronzeTable(client, relation, file);
  await makeSchemas(client, area, [...models.map(({ relation }) => relation), ...seeds]);
  const names = new Set([...models.map(({ relation }) => relation), ...seeds]);
  const moved = inArea(dataset, names, area);
  await makeSeedShadows(client, moved, seeds.map((seed) => relationIn(area, seed)));
  await makeStructures(client, moved, area, models);
  const columns = new Map<string, TableColumn[]>();
  const changes = new Map<string, ColumnChange[]>();
  for (const { relation } of models) {
    const after = await columnsOf(client, relationIn(area, relation));
    columns.set(relation, after);
    if ((await kindOf(client, relation)) === 'table') changes.set(relation, compareColumns(await columnsOf(client, relation), after));
  }
  refuseReaders((await checkReaders?.(client, (relation) => (names.has(relation) ? relationIn(area, relation) : relation))) ?? []);
  return { columns, changes };
}

/** @throws ApplyError when those who read the dataset cannot read it any more */
export function refuseReaders(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ApplyError(problems);
}

/** What stands in an area: tables that are rebuilt or get columns, and every view that reads one of them or changes itself. */
export function movedModels(looked: Look): Model[] {
  const moved = new Set(rebuilt(looked).map(({ relation }) => relation));
  return looked.decisions.flatMap(({ model, codeChanged }) => {
    const readsMoved = model.query.mentions.some(({ relation }) => moved.has(relation));
    if (!moved.has(model.relation) && !codeChanged && !(model.materialized === 'view' && readsMoved)) return [];
    moved.add(model.relation);
    return [model];
  });
}

/** Empty tables, and views, of a moved dataset, in graph order. */
export async function makeStructures(client: Client | Connection, moved: Dataset, area: Area, models: readonly Model[]): Promise<void> {
  const names = new Set(models.map(({ relation }) => relationIn(area, relation)));
  for (const model of moved.models) {
    if (!names.has(model.relation)) continue;
    if (model.materialized === 'view') await makeView(client, model);
    else await createTable(client, model);
    await checkColumns(client, model);
  }
}

async function makeSchemas(client: Client | Connection, area: Area, relations: readonly string[]): Promise<void> {
  for (const schema of new Set(relations.map(schemaOf))) await client.query(`create schema ${columnName(schemaIn(area, schema))}`);
}

function compareColumns(before: readonly TableColumn[], after: readonly TableColumn[]): ColumnChange[] {
  const old = new Map(before.map(({ name, type }) => [name, type]));
  const now = new Map(after.map(({ name, type }) => [name, type]));
  return [
    ...after.flatMap(({ name, type }) => (old.has(name) ? (old.get(name) === type ? [] : [{ name, before: old.get(name)!, after: type }]) : [{ name, after: type }])),
    ...before.flatMap(({ name, type }) => (now.has(name) ? [] : [{ name, before: type }])),
  ];
}

/**
 * Columns of a table that is there may change only as its header allows.
 * @throws ApplyError with what each model may do
 */
export function checkSchemaChanges(looked: Look, { changes }: Trial, backfill: boolean): void {
  const problems: Problem[] = [];
  for (const { model, codeChanged, before } of looked.decisions) {
    const columns = changes.get(model.relation) ?? [];
    if (!codeChanged || before?.materialized !== 'incremental' || model.materialized !== 'incremental' || columns.length === 0 || backfill) continue;
    const onlyAdds = columns.every((column) => column.before === undefined);
    if (model.onSchemaChange === 'sync_all_columns' || (model.onSchemaChange === 'append_new_columns' && onlyAdds)) continue;
    const options =
      model.onSchemaChange === 'append_new_columns'
        ? 'append_new_columns only adds; set `on_schema_change: sync_all_columns`'
        : `on_schema_change is fail; set ${onlyAdds ? '`on_schema_change: append_new_columns` (rows of before stay null in it) or ' : ''}\`on_schema_change: sync_all_columns\``;
    problems.push({ ...placeInQuery(model.query, 0), message: `the columns of ${model.relation} change (${columns.map(shown).join(', ')}): ${options}, or \`ingot apply --backfill\` to compute all of its rows with them` });
  }
  if (problems.length > 0) throw new ApplyError(problems);
}

function shown({ name, before, after }: ColumnChange): string {
  if (before === undefined) return `+${name} ${after}`;
  return after === undefined ? `-${name}` : `${name} ${before} -> ${after}`;
}

/** The same error with the names that the author knows. */
export function inLiveNames(error: unknown, area: Area): unknown {
  if (!(error instanceof ApplyError)) return error;
  const problems = error.problems.map((problem) => ({ ...problem, message: problem.message.replaceAll(`${area.prefix}_`, '') }));
  return new ApplyError(problems, { cause: error.cause });
}

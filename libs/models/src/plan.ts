import { createHash } from 'node:crypto';
import { placeInQuery, type Dataset, type Model, type Strategy } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from './apply-error.js';
import { columnsOf } from './catalog.js';
import { columnList, columnName, joinedName, relationName } from './sql-names.js';

/** What a run does to one model. A plan is data: the same for every run of the same files. */
export interface Step {
  readonly model: Model;
  readonly strategy: Strategy;
  /** Columns of the model's table without `_run_id`, in order. */
  readonly columns: readonly string[];
  /** Takes the increment first, for a model that reads more than it: a plan for several relations needs the planner's
   * free choice, which reading an increment by BRIN does not leave it. */
  readonly staged?: TemporaryTable;
  /** For delete+insert: the touched keys. */
  readonly touched?: TemporaryTable;
  /** Columns of rows that the run removed or wrote, for the models that are computed anew by them. */
  readonly changed?: TemporaryTable;
}

/** A table of the session's own, emptied by every commit. */
export interface TemporaryTable {
  /** As it stands in SQL. */
  readonly name: string;
  readonly columns: readonly string[];
  /** Where the types of its columns come from. */
  readonly like: { readonly relation: string; readonly columns: readonly string[] };
}

export interface Plan {
  readonly dataset: Dataset;
  /** Relations of the sources. */
  readonly sources: readonly string[];
  /** In graph order. */
  readonly steps: readonly Step[];
}

/**
 * The plan of a dataset as applied.
 * @throws ApplyError for a touched key that the engine cannot follow yet
 */
export async function readPlan(client: Client | Connection, dataset: Dataset): Promise<Plan> {
  const steps: Step[] = [];
  for (const model of dataset.models) {
    if (model.strategy === undefined) continue;
    const columns = (await columnsOf(client, model.relation)).map(({ name }) => name);
    steps.push({ model, strategy: model.strategy, columns, ...(await staging(client, dataset, model)), ...touching(model), ...changing(dataset, model) });
  }
  return { dataset, sources: dataset.sources.map(({ relation }) => relation), steps };
}

async function staging(client: Client | Connection, dataset: Dataset, model: Model): Promise<Pick<Step, 'staged'>> {
  const [input] = model.incrementOn;
  const onlyIncrement = model.query.mentions.every(({ relation }) => relation === input);
  if (model.strategy === 'delete+insert' || input === undefined || onlyIncrement) return {};
  const isSource = dataset.sources.some(({ relation }) => relation === input);
  const columns = (await columnsOf(client, input)).map(({ name }) => name).concat(isSource ? [] : ['_run_id']);
  return { staged: temporary('increment', model, columns, { relation: input, columns }) };
}

function touching(model: Model): Pick<Step, 'touched'> {
  if (model.strategy !== 'delete+insert') return {};
  const columns = model.touchKey.map(({ column }) => column);
  return { touched: temporary('touched', model, columns, { relation: model.relation, columns }) };
}

function changing(dataset: Dataset, model: Model): Pick<Step, 'changed'> {
  if (model.strategy === 'append') return {};
  const wanted = new Set<string>();
  for (const child of dataset.models) {
    for (const { column, from } of child.touchKey) {
      const own = from[model.relation];
      if (own === undefined) continue;
      // The value that a sum had before it is written is gone by the time ON CONFLICT returns.
      if (model.strategy === 'accumulate' && !model.uniqueKey.includes(own)) {
        throw new ApplyError([{ ...placeInQuery(child.query, 0), message: `touch_key ${column} of ${child.relation} is ${own} of ${model.relation}, which is not in that model's unique_key; such a key is not built yet` }]);
      }
      wanted.add(own);
    }
  }
  if (wanted.size === 0) return {};
  const columns = [...wanted].sort();
  return { changed: temporary('changed', model, columns, { relation: model.relation, columns }) };
}

/** Sessions are shared by datasets, so the name tells which model of which code the table belongs to. */
function temporary(purpose: string, model: Model, columns: readonly string[], like: TemporaryTable['like']): TemporaryTable {
  const version = createHash('sha256').update(`${model.relation} ${model.codeHash} ${columns.join(' ')}`).digest('hex').slice(0, 12);
  return { name: `pg_temp.${columnName(joinedName(purpose, version))}`, columns, like };
}

const prepared = new WeakMap<object, Set<string>>();

/** Makes the temporary tables of a plan, once for each session; outside a run, so that rolling one back keeps them. */
export async function prepareSession(client: Client | Connection, plan: Plan): Promise<void> {
  const done = prepared.get(client) ?? new Set();
  prepared.set(client, done);
  const missing = plan.steps.flatMap(({ staged, touched, changed }) => [staged, touched, changed]).flatMap((table) => (table === undefined || done.has(table.name) ? [] : [table]));
  for (const { name, like } of missing) {
    await client.query(`create temporary table if not exists ${name.slice('pg_temp.'.length)} on commit delete rows as select ${columnList(like.columns)} from ${relationName(like.relation)} with no data`);
    done.add(name);
  }
}

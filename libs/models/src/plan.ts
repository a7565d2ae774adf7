import { createHash } from 'node:crypto';
import type { Dataset, Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnsOf } from './catalog.js';
import { planTests, type PlannedTest } from './data-tests/planned-tests.js';
import { columnList, columnName, joinedName, relationName } from './sql-names.js';
import type { Step, TemporaryTable } from './step.js';
import { needsValuesBefore } from './strategies/changed-keys.js';
import { readRowWise } from './strategies/row-wise/row-wise-plan.js';
import { readTableInputs } from './tables/table-refreshes.js';

export interface Plan {
  readonly dataset: Dataset;
  /** Relations of the sources. */
  readonly sources: readonly string[];
  /** In graph order. */
  readonly steps: readonly Step[];
  readonly tests: readonly PlannedTest[];
}

/** The plan of a dataset as applied. */
export async function readPlan(client: Client | Connection, dataset: Dataset): Promise<Plan> {
  const steps: Step[] = [];
  const tableInputs = await readTableInputs(client, dataset);
  for (const model of dataset.models) {
    if (model.materialized === 'view') continue;
    const columns = (await columnsOf(client, model.relation)).map(({ name }) => name);
    const rowWise = await readRowWise(client, dataset, model);
    const changed = changing(dataset, model);
    const step: Step = { model, strategy: model.strategy ?? 'table', columns, ...(rowWise === undefined ? {} : { rowWise }), ...(await staging(client, dataset, model)), ...touching(dataset, model), ...changed };
    const inputs = tableInputs.get(model.relation);
    steps.push({ ...step, ...computing(step), ...(inputs === undefined ? {} : { inputs }) });
  }
  return { dataset, sources: dataset.sources.map(({ relation }) => relation), steps, tests: planTests(dataset) };
}

async function staging(client: Client | Connection, dataset: Dataset, model: Model): Promise<Pick<Step, 'staged'>> {
  const [input] = model.incrementOn;
  const onlyIncrement = model.query.mentions.every(({ relation }) => relation === input);
  if ((model.strategy !== 'append' && model.strategy !== 'accumulate') || input === undefined || onlyIncrement) return {};
  const isSource = dataset.sources.some(({ relation }) => relation === input);
  const columns = (await columnsOf(client, input)).map(({ name }) => name).concat(isSource ? [] : ['_run_id']);
  return { staged: temporary('increment', model, columns, { relation: input, columns }) };
}

function touching(dataset: Dataset, model: Model): Pick<Step, 'touched' | 'months'> {
  if (model.strategy !== 'delete+insert') return {};
  const columns = model.touchKey.map(({ column }) => column);
  const months = dataset.models.flatMap(({ relation, partitionBy }): [string, string][] => (partitionBy !== undefined && model.incrementOn.includes(relation) ? [[relation, partitionBy.column]] : []));
  return { touched: temporary('touched', model, columns, { relation: model.relation, columns }), ...(months.length === 0 ? {} : { months: new Map(months) }) };
}

function changing(dataset: Dataset, model: Model): Pick<Step, 'changed'> {
  if (model.strategy === 'append') return {};
  const wanted = new Set<string>();
  for (const child of dataset.models) {
    for (const { from } of child.touchKey) {
      const own = from[model.relation];
      if (own !== undefined) wanted.add(own);
    }
  }
  if (wanted.size === 0) return {};
  const columns = [...wanted].sort();
  return { changed: temporary('changed', model, columns, { relation: model.relation, columns }) };
}

function computing({ model, strategy, columns, changed }: Step): Pick<Step, 'computed'> {
  const isNeeded = strategy === 'table' || (strategy === 'accumulate' && needsValuesBefore({ model, changed }));
  return isNeeded ? { computed: temporary('computed', model, columns, { relation: model.relation, columns }) } : {};
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
  const missing = plan.steps.flatMap(({ staged, touched, changed, computed }) => [staged, touched, changed, computed]).flatMap((table) => (table === undefined || done.has(table.name) ? [] : [table]));
  for (const { name, like } of missing) {
    await client.query(`create temporary table if not exists ${name.slice('pg_temp.'.length)} on commit delete rows as select ${columnList(like.columns)} from ${relationName(like.relation)} with no data`);
    done.add(name);
  }
}

import { createHash } from 'node:crypto';
import { keepsEveryRow, withRelations, type Dataset, type Model } from '@ingot/datasets';
import { isConnectionError, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnsOf } from '../../catalog.js';
import { columnName, joinedName, RUN_ID } from '../../sql-names.js';
import { divertingRules, type RowRule } from './row-rules.js';

/** What is known of a row-wise model before it runs. */
export interface RowWise {
  /** The input that is read by increment. */
  readonly input: string;
  /** True when the input is a source's table. */
  readonly isBronze: boolean;
  /** Columns of the input, the engine's own among them. */
  readonly inputColumns: readonly string[];
  readonly rules: readonly RowRule[];
  /** No input row gives two output rows. */
  readonly atMostOne: boolean;
  /** Every input row gives an output row. */
  readonly atLeastOne: boolean;
  /** Names of the session's tables for input rows and output rows, made when they are first needed. */
  readonly inputTable: string;
  readonly outputTable: string;
}

export async function readRowWise(client: Client | Connection, dataset: Dataset, model: Model): Promise<RowWise | undefined> {
  const [input] = model.incrementOn;
  if ((model.strategy !== 'append' && model.strategy !== 'merge') || input === undefined) return undefined;
  const isBronze = dataset.sources.some(({ relation }) => relation === input);
  const inputColumns = (await columnsOf(client, input)).map(({ name }) => name).concat(isBronze ? [] : [RUN_ID]);
  const shape = await planShape(client, model);
  const version = createHash('sha256').update(`${model.relation} ${model.codeHash} ${inputColumns.join(' ')}`).digest('hex').slice(0, 12);
  return {
    input,
    isBronze,
    inputColumns,
    rules: divertingRules(model),
    atMostOne: !shape.joins && !shape.multiplies,
    atLeastOne: !shape.multiplies && keepsEveryRow(model.query, input),
    inputTable: `pg_temp.${columnName(joinedName('rows_in', version))}`,
    outputTable: `pg_temp.${columnName(joinedName('rows_out', version))}`,
  };
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Parent Relationship'?: string;
  readonly 'Subplan Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const JOINS = new Set(['Nested Loop', 'Hash Join', 'Merge Join', 'Function Scan', 'Table Function Scan', 'Values Scan']);

/**
 * What the query does to the number of rows, as the planner sees it: the parse tree does not tell which functions
 * return sets. `multiplies` = a set-returning function in a list of results. A query that cannot be planned is told of
 * when it runs, at its place in the file.
 */
async function planShape(client: Client | Connection, model: Model): Promise<{ joins: boolean; multiplies: boolean }> {
  const { text } = withRelations(model.query, () => undefined);
  const result = await client.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(`explain (format json, costs off)\n${text}`).catch((error: unknown) => {
    if (isConnectionError(error)) throw error;
    return undefined;
  });
  if (result === undefined) return { joins: true, multiplies: true };
  const types = result.rows[0]!['QUERY PLAN'].flatMap(({ Plan }) => nodeTypes(Plan));
  return { joins: types.some((type) => JOINS.has(type)), multiplies: types.includes('ProjectSet') };
}

/** Sub-selects of expressions are left out: they give one value. A WITH query stands among them, and counts. */
function nodeTypes(node: PlanNode): string[] {
  const below = (node.Plans ?? []).filter((inner) => !['SubPlan', 'InitPlan'].includes(inner['Parent Relationship'] ?? '') || inner['Subplan Name']?.startsWith('CTE '));
  return [node['Node Type'], ...below.flatMap(nodeTypes)];
}

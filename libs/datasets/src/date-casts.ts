import type { A_Expr, CoalesceExpr, FuncCall, TypeCast } from 'libpg-query';
import type { Query, Warning } from './dataset.js';
import type { Input } from './feeding.js';
import { Lineage } from './lineage/lineage.js';
import type { SelectStatement } from './parser.js';
import { Problems } from './problem.js';
import type { FromItem, QueryBlock } from './query-block.js';
import { placeInQuery } from './rendered-query.js';
import { castTypeOf } from './result-name.js';
import { as, builtinName, locationOf, walk } from './syntax-tree.js';

type Scope = ReturnType<Lineage['scope']>;

const INSTANTS = new Set(['now', 'to_timestamp', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'make_timestamptz']);
const MESSAGE = "the date of an instant depends on the time zone of the session: the service's is UTC, psql's may be another; write (x at time zone 'UTC')::date";

/** Casts of a timestamptz to date, as far as types are known: from the bronze tables, from data_type and from casts. */
export function dateCasts(files: readonly { readonly query: Query; readonly statement: SelectStatement }[], inputs: ReadonlyMap<string, Input>): readonly Warning[] {
  const lineage = new Lineage((relation) => inputs.get(relation) ?? { columns: [], complete: false }, new Set());
  const warnings = new Problems();
  for (const { query, statement } of files) {
    for (const block of blocksOf(statement.block)) {
      if (block.arms.length > 0) continue;
      const scope = lineage.scope(block);
      for (const { type, node } of walk({ ...block.select, fromClause: undefined, withClause: undefined }, (inner) => inner !== 'SelectStmt')) {
        if (type !== 'TypeCast' || castTypeOf({ TypeCast: node }) !== 'date' || !isInstant((node as TypeCast).arg, scope)) continue;
        warnings.add(placeInQuery(query, statement.indexOf(locationOf((node as TypeCast).arg) ?? 0)), MESSAGE);
      }
    }
  }
  return warnings.list;
}

function isInstant(expression: unknown, scope: Scope): boolean {
  const cast = castTypeOf(expression);
  if (cast !== undefined) return cast === 'timestamptz';
  const column = scope.resolve(expression);
  if (column !== undefined) return column.dataType === 'timestamptz';
  const call = as<FuncCall>('FuncCall', expression);
  const name = call === undefined ? undefined : builtinName(call);
  if (name === 'date_trunc') return isInstant(call?.args?.[1], scope);

  if (name !== undefined && INSTANTS.has(name)) return true;
  const value = as<{ op?: string }>('SQLValueFunction', expression);
  if (value !== undefined) return value.op?.startsWith('SVFOP_CURRENT_TIMESTAMP') ?? false;
  const sum = as<A_Expr>('A_Expr', expression);
  if (sum?.kind === 'AEXPR_OP') return isInstant(sum.lexpr, scope) && !isInstant(sum.rexpr, scope);
  return as<CoalesceExpr>('CoalesceExpr', expression)?.args?.some((part) => isInstant(part, scope)) ?? false;
}

/** A SELECT and every SELECT in it, each with the names of its own FROM. */
function* blocksOf(block: QueryBlock): Generator<QueryBlock> {
  yield block;
  for (const inner of [...block.arms, ...block.sublinks, ...block.from.flatMap(blocksIn)]) yield* blocksOf(inner);
}

function blocksIn(item: FromItem): QueryBlock[] {
  if (item.kind === 'query') return [item.block];
  return item.kind === 'join' ? [...blocksIn(item.left), ...blocksIn(item.right)] : [];
}

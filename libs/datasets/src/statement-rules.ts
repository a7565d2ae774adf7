import type { FuncCall, RangeTableSample, RangeVar, ScanToken, SelectStmt } from 'libpg-query';
import { compareText } from './problem.js';
import { armsOf, builtinName, columnFields, locationOf, strings, walk } from './syntax-tree.js';

/** What is wrong, at a byte offset of the statement. */
export interface RuleProblem {
  readonly byte: number;
  readonly message: string;
}

/**
 * Built-in functions a SELECT of the project may not call: they change something, read what the parse tree does not
 * show, or ask which transactions are visible, which the engine alone decides (a rebuild would answer otherwise).
 */
const REFUSED_FUNCTIONS = new Set([
  ...['txid_current', 'txid_current_if_assigned', 'txid_current_snapshot', 'pg_current_xact_id', 'pg_current_xact_id_if_assigned', 'pg_current_snapshot'],
  ...['nextval', 'setval', 'currval', 'lastval', 'set_config', 'pg_notify', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'setseed'],
  ...['pg_terminate_backend', 'pg_cancel_backend', 'pg_reload_conf', 'pg_logical_emit_message', 'pg_export_snapshot'],
  ...['query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema', 'cursor_to_xml', 'table_to_xml', 'table_to_xml_and_xmlschema'],
  ...['schema_to_xml', 'schema_to_xml_and_xmlschema', 'database_to_xml', 'database_to_xml_and_xmlschema'],
  ...['pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'currtid2'],
]);
const REFUSED_PREFIXES = ['pg_advisory_', 'pg_try_advisory_', 'lo_', 'pg_replication_', 'brin_', 'gin_clean_', 'dblink'];

/** Casts of text that give null instead of an error, made by db/migrations; they read nothing but their argument. */
const SAFE_CASTS = new Set(['try_int', 'try_bigint', 'try_numeric', 'try_float8', 'try_boolean', 'try_date', 'try_timestamptz', 'try_uuid'].map((name) => `ingot.${name}`));

/** Checks that a SELECT only reads, in ways that the engine can follow; what it reads is query-block.ts's. */
export function checkSelect(tree: SelectStmt, tokens: readonly ScanToken[], parameters: boolean): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const add = (byte: number | undefined, message: string): void => void problems.push({ byte: byte ?? 0, message });
  for (const select of selectsIn(tree)) {
    if (select.intoClause !== undefined) add(select.intoClause.rel?.location, 'SELECT INTO makes a table; a file is one SELECT that only reads');
    if ((select.lockingClause?.length ?? 0) > 0) add(lockingClause(tokens), 'FOR UPDATE and FOR SHARE lock rows; a file is one SELECT that only reads');
  }
  for (const { type, node } of walk(tree)) {
    if (type === 'FuncCall') checkFunction(node, add);
    if (type === 'ParamRef' && !parameters) add(node.location as number, `$${Number(node.number ?? 0)}: a model has no parameters, those of an endpoint are written :name`);
    if (['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(type)) {
      add((node.relation as RangeVar | undefined)?.location, `${type.replace('Stmt', '').toUpperCase()} in a WITH query changes data; a file is one SELECT that only reads`);
    }
    if (type === 'RangeTableSample') add(locationOf((node as RangeTableSample).relation), 'TABLESAMPLE reads other rows each time');
    if (type === 'JoinExpr' && node.isNatural === true) add(locationOf(node.rarg), 'NATURAL JOIN would also join on _run_id, which every managed table has; write USING');
    if (type === 'ColumnRef') checkColumn(node, add);
  }
  return problems;
}

/** Names of all functions called, sorted, each once; keywords that read the clock are listed under their name. */
export function functionsIn(tree: SelectStmt): string[] {
  const names = new Set<string>();
  for (const { type, node } of walk(tree)) {
    if (type === 'FuncCall') names.add(builtinName(node) ?? strings((node as FuncCall).funcname).join('.'));
    if (type === 'SQLValueFunction') names.add(String(node.op).replace(/^SVFOP_/, '').replace(/_N$/, '').toLowerCase());
  }
  return [...names].sort(compareText);
}

function checkFunction(call: FuncCall, add: (byte: number | undefined, message: string) => void): void {
  const name = builtinName(call);
  if (name === undefined && SAFE_CASTS.has(strings(call.funcname).join('.'))) return;
  if (name === undefined) {
    add(call.location, `the function ${strings(call.funcname).join('.')} is not one of PostgreSQL's own: what it reads cannot be seen, so it is not built yet`);
  } else if (REFUSED_FUNCTIONS.has(name) || REFUSED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
    add(call.location, `the function ${name} is refused: it changes something, or reads what the parse tree does not show`);
  }
}

function checkColumn(node: Record<string, unknown>, add: (byte: number | undefined, message: string) => void): void {
  const fields = columnFields({ ColumnRef: node }) ?? [];
  if (node.location === -1) {
    add(0, 'TABLE x: write SELECT with its columns');
  } else if (fields.length > 2) {
    add(node.location as number, `${fields.join('.')}: the engine puts other text in the place of the relation; give it an alias and write alias.${fields.at(-1)}`);
  }
}

/** Every SELECT in the tree; the arms of a set operation carry no type of their own. */
export function* selectsIn(tree: SelectStmt): Generator<SelectStmt> {
  const arms = function* (select: SelectStmt): Generator<SelectStmt> {
    yield select;
    for (const arm of armsOf(select) ?? []) yield* arms(arm);
  };
  yield* arms(tree);
  for (const { type, node } of walk(tree)) {
    if (type === 'SelectStmt') yield* arms(node);
  }
}

/** The parser gives a locking clause no location of its own. */
function lockingClause(tokens: readonly ScanToken[]): number | undefined {
  const strengths = ['update', 'share', 'no', 'key'];
  return tokens.find((token, i) => token.text.toLowerCase() === 'for' && strengths.includes(tokens[i + 1]?.text.toLowerCase() ?? ''))?.start;
}

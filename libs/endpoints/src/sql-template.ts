import { didYouMean, parseSelect, StatementError, withoutPositions, type SelectStatement } from '@ingot/datasets';
import knex from 'knex';
import { parseSync, scanSync } from 'libpg-query';
import pg from 'pg';
import { sqlTypeOf, type Parameter } from './parameter.js';

/** A SELECT with holes for values, each of a declared type. */
export interface SqlTemplate {
  /** The SELECT with `$1`, `$2`, ... in the holes. */
  readonly text: string;
  /** In order of position; indexes into `text`. */
  readonly holes: readonly Hole[];
  /** Parse tree of `text` without positions. */
  readonly tree: unknown;
}

export interface Hole {
  readonly start: number;
  readonly end: number;
  /** Where the text as written goes on behind the name; absent for a hole that no name of it made. */
  readonly sourceEnd?: number;
  readonly parameter: string;
  /** Absent: what stands beside the value says what it is. */
  readonly sqlType?: string;
}

/** A `:name` of a statement; indexes into its text. */
interface NamedPlace {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

// Every statement is compared once when it is loaded: a key that is missing here stops the start, it does not slip through.
const POSITIONS = new Set(['location', 'name_location', 'stmt_location', 'stmt_len', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end']);
const queryBuilder = knex({ client: 'pg' }); // writes text only: there is no connection

/**
 * Reads a SELECT with `:name` where values go. Casts, strings and comments that hold a colon stay as they are.
 * @returns the template, and the statement parsed with a number in each hole: its positions are those of `text`
 * @throws StatementError for SQL that is not one SELECT that only reads, and for names that are not declared
 */
export function compileTemplate(text: string, parameters: readonly Pick<Parameter, 'name' | 'type' | 'of'>[]): { template: SqlTemplate; statement: SelectStatement } {
  const places = namedPlaces(text);
  const statement = parseSelect(fill(text, places, ({ start, end }) => '0'.repeat(end - start)));
  const types = new Map(parameters.map((parameter) => [parameter.name, sqlTypeOf(parameter)]));
  const unknown = places.filter(({ name }) => !types.has(name));
  if (unknown.length > 0) {
    throw new StatementError(unknown.map(({ name, start }) => ({ index: start, message: `:${name} is not under parameters in the header${didYouMean(name, types.keys())}` })));
  }
  const bound = bindNames(text, places);
  const numbered = parseSelect(bound.text, { parameters: true });
  const holes = numbered.parameters.map(({ number, start, end }, i) => {
    const parameter = bound.names[number - 1] ?? '';
    return { start, end, sourceEnd: places[i]?.end, parameter, sqlType: types.get(parameter) ?? '' };
  });
  const template = { text: bound.text, holes, tree: withoutPositions(numbered.tree) };
  fillTemplate(template, new Map());
  return { template, statement };
}

/** Names of the parameters that occur in a template. */
export function usedParameters(template: SqlTemplate): Set<string> {
  return new Set(template.holes.map(({ parameter }) => parameter));
}

/** The index into the text as written of an index into a template's. */
export function sourceIndex({ holes }: SqlTemplate, index: number): number {
  const before = holes.filter(({ end }) => end <= index).at(-1);
  const shift = before?.sourceEnd === undefined ? 0 : before.sourceEnd - before.end - ADDED_BLANK;
  const within = holes.find(({ start, end }) => start <= index && index < end);
  return (within?.start ?? index) + shift;
}

/** Templates that gave the expected tree once. */
const proven = new WeakSet<SqlTemplate>();
/** ASCII without control characters, quotation marks and backslashes: between quotation marks it is nothing but a value. */
const INERT = /^[ -&(-[\]-~]*$/;

/**
 * The statement with its values as literals of the declared types, for COPY, which takes no parameters. The result is
 * parsed again and must be the template's tree with these constants in the holes: whatever the values hold, they have
 * changed nothing else. A template that has passed is not parsed again for values without any character that could: a
 * sixth of the processor time of a small GET.
 */
export function fillTemplate(template: SqlTemplate, values: ReadonlyMap<string, string | null>): string {
  const text = fill(template.text, template.holes, ({ parameter, sqlType }) => {
    const value = values.get(parameter) ?? null;
    const literal = value === null ? 'null' : pg.escapeLiteral(value);
    return sqlType === undefined ? ` ${literal} ` : `(${literal}::${sqlType})`;
  });
  if (proven.has(template) && template.holes.every(({ parameter }) => INERT.test(values.get(parameter) ?? ''))) return text;
  const constants = template.holes.map(({ parameter, sqlType }) => typedConstant(values.get(parameter) ?? null, sqlType));
  const [statement, ...others] = parseSync(text).stmts ?? []; // 0.2 ms for the 1,200 characters of GET /data
  const select = (statement?.stmt as { SelectStmt?: unknown } | undefined)?.SelectStmt;
  if (others.length > 0 || !sameTree(template.tree, select, constants)) throw new Error('a value would change the statement; it was not sent');
  proven.add(template);
  return text;
}

/** It ends the name for knex, whatever follows. */
const ADDED_BLANK = 1;

/** knex binds the names: each occurrence gets the next `$n`, which stands for `names[n - 1]`. */
function bindNames(text: string, places: readonly NamedPlace[]): { text: string; names: string[] } {
  // knex looks for `:name` and `?` by pattern, in casts, strings and comments too. What is not ours is kept from its
  // sight behind characters of the private use area that the text does not hold.
  const free = privateCharacters(text);
  const hidden = new Map([':', '?', '\\'].map((character, i) => [character, free[i] ?? '']));
  let sql = '';
  let from = 0;
  for (const { name, start, end } of places) {
    sql += `${hide(text.slice(from, start), hidden)}:${name}${' '.repeat(ADDED_BLANK)}`;
    from = end;
  }
  sql += hide(text.slice(from), hidden);
  const native = queryBuilder.raw(sql, Object.fromEntries(places.map(({ name }) => [name, name]))).toSQL().toNative();
  const shown = new Map([...hidden].map(([character, stand]) => [stand, character]));
  return { text: hide(native.sql, shown), names: native.bindings as string[] };
}

function privateCharacters(text: string): string[] {
  const free: string[] = [];
  for (let code = 0xe000; free.length < 3; code++) if (!text.includes(String.fromCharCode(code))) free.push(String.fromCharCode(code));
  return free;
}

function hide(text: string, replacements: ReadonlyMap<string, string>): string {
  return text.replaceAll(/[:?\\\uE000-\uF8FF]/g, (character) => replacements.get(character) ?? character);
}

/** Found by Postgres's own scanner, so that casts, strings and comments are known for what they are. */
function namedPlaces(text: string): NamedPlace[] {
  const bytes = Buffer.from(text);
  let tokens: { start: number; end: number; text: string }[];
  try {
    tokens = scanSync(text).tokens;
  } catch {
    return []; // an unterminated string or comment: parseSelect says where
  }
  return tokens.flatMap((colon, i) => {
    const word = tokens[i + 1];
    if (colon.text !== ':' || word === undefined || word.start !== colon.end || !/^[a-z_]\w*$/i.test(word.text)) return [];
    const start = bytes.subarray(0, colon.start).toString().length;
    return [{ name: word.text, start, end: start + 1 + word.text.length }];
  });
}

function fill<Place extends { start: number; end: number }>(text: string, places: readonly Place[], replacement: (place: Place) => string): string {
  let filled = '';
  let from = 0;
  for (const place of places) {
    filled += text.slice(from, place.start) + replacement(place);
    from = place.end;
  }
  return filled + text.slice(from);
}

/** The parse tree of `'value'::type`. */
function typedConstant(value: string | null, sqlType: string | undefined): unknown {
  const constant = value === null ? { isnull: true } : { sval: { sval: value } };
  if (sqlType === undefined) return { A_Const: constant };
  const element = sqlType.replace('[]', '');
  const bounds = element === sqlType ? {} : { arrayBounds: [{ Integer: { ival: -1 } }] };
  return { TypeCast: { arg: { A_Const: constant }, typeName: { names: [{ String: { sval: element } }], typemod: -1, ...bounds } } };
}

/** True when `found`, positions aside, is the expected tree with the n-th constant in place of `$n`. */
function sameTree(expected: unknown, found: unknown, constants: readonly unknown[]): boolean {
  if (typeof expected !== 'object' || expected === null || typeof found !== 'object' || found === null) return expected === found;
  if (Array.isArray(expected)) return Array.isArray(found) && expected.length === found.length && expected.every((item, i) => sameTree(item, found[i], constants));
  const { ParamRef: parameter } = expected as { ParamRef?: { number?: number } };
  if (parameter !== undefined) return sameTree(constants[(parameter.number ?? 0) - 1], found, []);
  const keys = Object.keys(expected);
  return (
    keys.length === Object.keys(found).filter((key) => !POSITIONS.has(key)).length &&
    keys.every((key) => Object.hasOwn(found, key) && sameTree((expected as Record<string, unknown>)[key], (found as Record<string, unknown>)[key], constants))
  );
}

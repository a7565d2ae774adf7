import { setFlagsFromString } from 'node:v8';
import { hasSqlDetails, loadModule, parseSync, scanSync, type ParseResult, type RawStmt, type ResTarget, type ScanToken, type SelectStmt, type TypeCast } from 'libpg-query';
import type { Mention } from './dataset.js';
import { buildQueryBlock, type QueryBlock } from './query-block.js';
import { castTypeOf } from './result-name.js';
import { StatementError } from './statement-error.js';
import { checkSelect, functionsIn } from './statement-rules.js';
import { as, walk } from './syntax-tree.js';
import { byteOffsets, indexOfCharacter } from './text-position.js';

// V8 would compile the grammar's one huge function a second time, optimised, while the service starts: 0.5 s of processor
// and 45 MB that stay. As it is first compiled it takes 0.2 instead of 0.15 ms for the statement of GET /data. Seen with
// Node 20, 22, 24 and 26, all three flags being needed for all of them; no other WebAssembly here is busy.
for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering', '--liftoff-only']) setFlagsFromString(flag);
// Postgres's own grammar as WebAssembly: 11 ms to load, 26 us for a short statement (measured on Node 20).
await loadModule();

/** One parsed SELECT. Every position is an index into `text`. */
export interface SelectStatement {
  readonly text: string;
  readonly tree: SelectStmt;
  /** The same SELECT with names of WITH queries resolved. */
  readonly block: QueryBlock;
  /** Every `schema.name` read, in order of position. */
  readonly mentions: readonly Mention[];
  /** `$1`, `$2`, ... in order of position. */
  readonly parameters: readonly Parameter[];
  /** Names of the functions called, without `pg_catalog.`, sorted; clock keywords such as current_date are among them. */
  readonly functions: readonly string[];
  /** The index of a byte offset of the tree. */
  readonly indexOf: (byte: number) => number;
}

export interface Parameter {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

export interface SelectOptions {
  /** Whether `$1` may occur; default false. */
  readonly parameters?: boolean;
  /** Relations that an unqualified name may mean, for hints. */
  readonly relations?: readonly string[];
}

/** Longest statement taken, in UTF-16 units. Hand-written SQL stays far below; the parser's time and stack grow with it. */
const LONGEST_STATEMENT = 200_000;

/**
 * Parses one SELECT (or VALUES, or WITH ... SELECT) and checks that it does nothing but read, and reads relations by
 * `schema.name` only.
 * @param text the statement without a closing semicolon, as trimStatement gives it
 * @throws StatementError with all problems
 */
export function parseSelect(text: string, options: SelectOptions = {}): SelectStatement {
  const statements = parse(text);
  const indexOf = byteOffsets(text);
  const [first, second] = statements;
  if (first === undefined) throw new StatementError([{ index: 0, message: 'there is no statement' }]);
  if (second !== undefined) {
    throw new StatementError([{ index: firstToken(text, indexOf(second.stmt_location ?? 0)), message: 'one file holds one statement; here begins another' }]);
  }
  const tree = as<SelectStmt>('SelectStmt', first.stmt);
  if (tree === undefined) throw new StatementError([{ index: firstToken(text, 0), message: 'must be a SELECT' }]);

  return guardStack(() => {
    const tokens = tokensOf(text) ?? [];
    const problems = checkSelect(tree, tokens, options.parameters ?? false);
    const { block, mentions, problems: unresolved } = buildQueryBlock(tree, text, tokens, indexOf, options.relations);
    const all = [...problems.map(({ byte, message }) => ({ index: indexOf(byte), message })), ...unresolved];
    if (all.length > 0) throw new StatementError(all.sort((a, b) => a.index - b.index));
    return { text, tree, block, mentions, parameters: parametersOf(tree, text, indexOf), functions: functionsIn(tree), indexOf };
  });
}

/**
 * Where the statement in a text begins and ends: without comments and blanks around it and without closing semicolons,
 * so that it can be put between parentheses. Undefined when there is none.
 */
export function trimStatement(text: string): { start: number; end: number } | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return { start: 0, end: text.length }; // what stops the scanner, parseSelect reports
  const indexOf = byteOffsets(text);
  const words = tokens.filter((token) => !isComment(token));
  while (words.at(-1)?.text === ';') words.pop();
  const first = words[0];
  const last = words.at(-1);
  return first === undefined || last === undefined ? undefined : { start: indexOf(first.start), end: indexOf(last.end) };
}

function parse(text: string): RawStmt[] {
  if (text.length > LONGEST_STATEMENT) throw tooComplex();
  // The parser takes a C string: it would not see what stands after a NUL.
  if (text.includes('\0')) throw new StatementError([{ index: text.indexOf('\0'), message: 'a NUL character' }]);
  if (text.trim() === '') return [];
  return guardStack(() => {
    let result: ParseResult;
    try {
      result = parseSync(text);
    } catch (error) {
      if (!hasSqlDetails(error)) throw error;
      const position = error.sqlDetails?.cursorPosition ?? -1;
      throw new StatementError([{ index: position < 0 ? 0 : indexOfCharacter(text, position), message: error.message }]);
    }
    return result.stmts ?? [];
  });
}

/** Ten thousand terms in one sum are a tree too deep for the parser's stack; it works on afterwards. */
function guardStack<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof RangeError ? tooComplex() : error;
  }
}

function tooComplex(): StatementError {
  return new StatementError([{ index: 0, message: 'the statement is too long or too deeply nested' }]);
}

function tokensOf(text: string): ScanToken[] | undefined {
  if (text.length > LONGEST_STATEMENT || text.includes('\0') || text.trim() === '') return text.trim() === '' ? [] : undefined;
  try {
    return scanSync(text).tokens;
  } catch {
    return undefined; // an unterminated string or comment
  }
}

function isComment(token: ScanToken): boolean {
  return token.text.startsWith('--') || token.text.startsWith('/*');
}

function firstToken(text: string, from: number): number {
  const trimmed = trimStatement(text.slice(from));
  return from + (trimmed?.start ?? 0);
}

function parametersOf(tree: SelectStmt, text: string, indexOf: (byte: number) => number): Parameter[] {
  const parameters: Parameter[] = [];
  for (const { type, node } of walk(tree)) {
    if (type !== 'ParamRef' || typeof node.location !== 'number') continue;
    const start = indexOf(node.location);
    const end = start + (/^\$\d+/.exec(text.slice(start))?.[0].length ?? 0);
    parameters.push({ number: Number(node.number ?? 0), start, end });
  }
  return parameters.sort((a, b) => a.start - b.start);
}

/** A data type as the parser spells it (`double precision` is `float8`); undefined when the text is no type. */
export function canonicalType(dataType: string): string | undefined {
  if (!/^[\w ".(),[\]]+$/.test(dataType)) return undefined;
  try {
    const { targetList, ...rest } = parseSelect(`select null::${dataType}`).tree;
    const [target, ...more] = (targetList ?? []).map((node) => as<ResTarget>('ResTarget', node));
    const plain = more.length === 0 && target?.name === undefined && Object.keys(rest).every((key) => key === 'limitOption' || key === 'op');
    return plain && as<TypeCast>('TypeCast', target?.val)?.typeName?.location === 'select null::'.length ? castTypeOf(target?.val) : undefined;
  } catch (error) {
    if (error instanceof StatementError) return undefined;
    throw error;
  }
}

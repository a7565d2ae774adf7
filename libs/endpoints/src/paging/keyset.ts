import type { Arm, SortKey } from './arm.js';
import { joined, type Piece } from './pieces.js';

/** Names of the values that a page's end is made of; a header's parameters cannot be called so. */
export const boundName = (end: PageEnd, key: number): string => `#${end}.${key}`;
export type PageEnd = 'after' | 'up to';

/**
 * The condition for rows of an arm behind a row (`after`), or for that row and those before it (`up to`), by the values
 * of its keys. One row comparison where all keys go the same way, which an index over them, or over the first of them,
 * is used for; otherwise the first key is compared by itself, too, for the same reason.
 */
export function keysetCondition({ keys }: Arm, end: PageEnd): Piece[] {
  const [first] = keys;
  if (first === undefined) throw new Error('an arm has at least one key');
  if (keys.every(({ descending }) => descending === first.descending)) return rowComparison(keys, end);
  return [...comparison(keys, 0, end, true), ' and ', ...lexical(keys, 0, end)];
}

function rowComparison(keys: readonly SortKey[], end: PageEnd): Piece[] {
  const values = keys.map((_, i): Piece[] => [value(end, i)]);
  return [`(${keys.map(({ column }) => column).join(', ')}) ${operator(keys[0], end, end === 'up to')} (`, ...joined(values, ', '), ')'];
}

function lexical(keys: readonly SortKey[], i: number, end: PageEnd): Piece[] {
  if (i === keys.length - 1) return comparison(keys, i, end, end === 'up to');
  return ['(', ...comparison(keys, i, end, false), ` or (${keys[i]?.column} = `, value(end, i), ' and ', ...lexical(keys, i + 1, end), '))'];
}

function comparison(keys: readonly SortKey[], i: number, end: PageEnd, orEqual: boolean): Piece[] {
  return [`${keys[i]?.column} ${operator(keys[i], end, orEqual)} `, value(end, i)];
}

function operator(key: SortKey | undefined, end: PageEnd, orEqual: boolean): string {
  const up = (end === 'after') !== (key?.descending ?? false);
  return `${up ? '>' : '<'}${orEqual ? '=' : ''}`;
}

/** Without a type: it is a literal of the type of the column it is compared with, whatever that is. */
function value(end: PageEnd, key: number): Piece {
  return { parameter: boundName(end, key) };
}

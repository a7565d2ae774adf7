import type { SelectStatement } from '@ingot/datasets';
import { scanSync, type SelectStmt } from 'libpg-query';

/** Where the clauses of an arm stand in its statement's text. */
export interface ArmPlaces {
  /** From FROM to the end of the last clause before ORDER BY. */
  readonly from: { readonly start: number; readonly end: number };
  /** Behind the word WHERE, and the end of its condition; without WHERE both are the end of FROM. */
  readonly where: { readonly start: number; readonly end: number; readonly exists: boolean };
}

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

const BEHIND_WHERE = ['group', 'having', 'window', 'order', 'limit', 'offset', 'fetch', 'for', 'union'];

/** The clauses of each arm, found by Postgres's own scanner: the parse tree knows where a clause begins, not where it ends. */
export function armPlaces({ text, tree, indexOf }: Pick<SelectStatement, 'text' | 'tree' | 'indexOf'>): ArmPlaces[] {
  const words = wordsOf(text, indexOf);
  return leaves(tree).map((select) => {
    const target = select.targetList?.[0];
    const at = indexOf(target !== undefined && 'ResTarget' in target ? (target.ResTarget.location ?? 0) : 0);
    const keyword = words.findLastIndex((word) => word.start < at && word.text === 'select');
    return clauses(words, keyword);
  });
}

function clauses(words: readonly Word[], select: number): ArmPlaces {
  const { depth = 0 } = words[select] ?? {};
  const own: { word: Word; before: Word }[] = [];
  let last = 0;
  for (let i = select + 1; i < words.length; i++) {
    const [word, before] = [words[i]!, words[i - 1]!];
    if (word.depth < depth) break;
    last = word.end;
    // Behind a dot or AS every word is a name.
    if (word.depth === depth && !['.', 'as'].includes(before.text)) own.push({ word, before });
  }
  const find = (texts: readonly string[], from = 0): number => own.findIndex(({ word }, i) => i >= from && texts.includes(word.text));
  const fromWord = own.findIndex(({ word, before }) => word.text === 'from' && before.text !== 'distinct'); // IS DISTINCT FROM
  const whereWord = find(['where'], fromWord);
  const next = find(BEHIND_WHERE, Math.max(fromWord, whereWord));
  const end = next < 0 ? last : own[next]!.before.end;
  const start = own[fromWord]?.word.start ?? end;
  const where = own[whereWord]?.word;
  return { from: { start, end }, where: where === undefined ? { start: end, end, exists: false } : { start: where.end, end, exists: true } };
}

/** Comments left out; a parenthesis counts to what is around it. */
function wordsOf(text: string, indexOf: (byte: number) => number): Word[] {
  let depth = 0;
  return scanSync(text).tokens.flatMap((token) => {
    if (token.text.startsWith('--') || token.text.startsWith('/*')) return [];
    if (token.text === ')') depth--;
    const word = { text: token.text.toLowerCase(), start: indexOf(token.start), end: indexOf(token.end), depth };
    if (token.text === '(') depth++;
    return [word];
  });
}

function leaves(select: SelectStmt): SelectStmt[] {
  return select.larg !== undefined && select.rarg !== undefined ? [...leaves(select.larg), ...leaves(select.rarg)] : [select];
}

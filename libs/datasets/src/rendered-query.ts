import type { Mention, Place, Query } from './dataset.js';
import { quoteRelation, standInAlias } from './relation-name.js';
import { indexOfCharacter, placeAt } from './text-position.js';

/** A query with the text of some relations replaced, and what is needed to map its positions back to the file. */
export interface RenderedQuery {
  readonly text: string;
  readonly query: Query;
  readonly replacements: readonly Replacement[];
}

interface Replacement {
  readonly mention: Mention;
  /** Where the replacement stands in the rendered text. */
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{L}\p{N}_$]/u;

/**
 * Puts other text in the place of relations and changes nothing else. A mention without an alias gets its bare name as
 * one, so that `stg_readings.device` still means something beside a sub-select. A renamed mention is written as it is
 * called now, unless something else is put in its place.
 * @param replace the SQL that stands for a mention, e.g. a sub-select in parentheses; undefined keeps it as written
 */
export function withRelations(query: Query, replace: (mention: Mention) => string | undefined): RenderedQuery {
  const replacements: Replacement[] = [];
  let text = '';
  let copied = 0;
  for (const mention of query.mentions) {
    const replacement = replace(mention) ?? (mention.renamed ? quoteRelation(mention.relation) : undefined);
    if (replacement === undefined) continue;
    text += query.text.slice(copied, mention.start);
    const start = text.length;
    const alias = mention.aliased ? '' : standInAlias(mention.relation);
    text += apart(text.at(-1), replacement + alias, query.text[mention.end]);
    copied = mention.end;
    replacements.push({ mention, start, end: text.length });
  }
  return { text: text + query.text.slice(copied), query, replacements };
}

/**
 * The place in the file of a position in a rendered text; inside a replacement, the place of the mention it stands for.
 * @param position as Postgres reports it: in characters, from 1, in the statement sent
 * @param prefixLength characters that stood before the rendered text in the statement sent; a position in them, or
 *   behind the text, gives the query's beginning or end
 */
export function placeOf(rendered: RenderedQuery, position: number, prefixLength = 0): Place {
  const { query, replacements } = rendered;
  const index = indexOfCharacter(rendered.text, Math.max(0, position - 1 - prefixLength));
  let shift = 0;
  for (const { mention, start, end } of replacements) {
    if (index < start) break;
    if (index < end) return placeInQuery(query, mention.start);
    shift = mention.end - end;
  }
  return placeInQuery(query, index + shift);
}

/** The place in the file of an index into Query.text. */
export function placeInQuery(query: Query, index: number): Place {
  return placeAt(query.file, query.fileText, query.offset + Math.min(index, query.text.length));
}

/** `from"silver"."t"` needs no blank, `frompg_temp.t` would be another word. */
function apart(before: string | undefined, text: string, after: string | undefined): string {
  const leading = before !== undefined && WORD.test(before) && WORD.test(text[0] ?? '') ? ' ' : '';
  const trailing = after !== undefined && WORD.test(after) && WORD.test(text.at(-1) ?? '') ? ' ' : '';
  return leading + text + trailing;
}

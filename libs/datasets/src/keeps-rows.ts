import type { Query } from './dataset.js';
import { parseSelect } from './parser.js';
import type { FromItem, QueryBlock } from './query-block.js';

/**
 * Whether every row of a relation gives at least one row of the query, by its form alone: no WHERE and no join that
 * could drop the row stands between the two. False means that nobody knows without looking at the data. Calls of
 * set-returning functions are not looked at, as only a database knows them.
 * @param relation read at one place, by a query that is row-wise over it
 */
export function keepsEveryRow(query: Query, relation: string): boolean {
  const mention = query.mentions.find((candidate) => candidate.relation === relation);
  return mention !== undefined && keepsIn(parseSelect(query.text).block, mention.start) === true;
}

/** Undefined when the mention does not stand in this block. */
function keepsIn(block: QueryBlock, start: number): boolean | undefined {
  const found = block.from.map((item) => keepsItem(item, start)).find((keeps) => keeps !== undefined);
  if (found === undefined) return undefined;
  return found && block.from.length === 1 && block.select.whereClause === undefined;
}

function keepsItem(item: FromItem, start: number): boolean | undefined {
  switch (item.kind) {
    case 'relation':
      return item.start === start ? true : undefined;
    case 'query':
      return keepsIn(item.block, start);
    case 'opaque':
      return undefined;
    case 'join': {
      const [left, right] = [keepsItem(item.left, start), keepsItem(item.right, start)];
      if (left !== undefined) return left && item.type === 'left';
      return right === undefined ? undefined : right && item.type === 'right';
    }
  }
}

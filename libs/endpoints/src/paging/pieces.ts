import { withoutPositions } from '@ingot/datasets';
import { parseSync } from 'libpg-query';
import type { Hole, SqlTemplate } from '../sql-template.js';

/** A part of a statement: text, or a hole for a value. */
export type Piece = string | Pick<Hole, 'parameter' | 'sqlType'>;

/** What comes in the place of a part of a statement. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly pieces: readonly Piece[];
}

export function joined(lists: readonly (readonly Piece[])[], separator: string): Piece[] {
  return lists.flatMap((pieces, i) => (i === 0 ? pieces : [separator, ...pieces]));
}

/** A part of a text with edits that do not overlap; those outside of it are left out. */
export function edited(text: string, start: number, end: number, edits: readonly Edit[]): Piece[] {
  const pieces: Piece[] = [];
  let copied = start;
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < start || edit.end > end) continue;
    pieces.push(text.slice(copied, edit.start), ...edit.pieces);
    copied = edit.end;
  }
  return [...pieces, text.slice(copied, end)];
}

/**
 * Puts the pieces of a SELECT together, holes numbered as they come.
 * @throws Error when that is no SELECT of PostgreSQL's grammar
 */
export function templateOf(pieces: readonly Piece[]): SqlTemplate {
  const holes: Hole[] = [];
  let text = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') text += piece;
    else {
      text += ' ';
      const start = text.length;
      text += `$${holes.length + 1}`;
      holes.push({ ...piece, start, end: text.length });
      text += ' ';
    }
  }
  const [statement, ...others] = parseSync(text).stmts ?? [];
  const { SelectStmt: tree } = (statement?.stmt ?? {}) as { SelectStmt?: unknown };
  if (tree === undefined || others.length > 0) throw new Error('the pieces make no SELECT');
  return { text, holes, tree: withoutPositions(tree) };
}

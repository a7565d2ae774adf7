import type { SelectStmt } from 'libpg-query';
import { parse } from 'yaml';
import { parseSelect, trimStatement } from '../parser.js';
import { Problems } from '../problem.js';
import { splitSqlFile } from '../sql-file.js';
import { StatementError } from '../statement-error.js';
import { withoutPositions } from '../syntax-tree.js';

/** A model's file as far as changes look at it. */
export interface FileParts {
  /** The header as plain values, keys unchecked: an earlier release may have known others. */
  readonly header: Readonly<Record<string, unknown>>;
  /** The parse tree without positions. */
  readonly tree: SelectStmt;
}

/** The parts of a model's file; undefined when this release cannot read it. */
export function readFileParts(fileText: string): FileParts | undefined {
  const sql = splitSqlFile('', fileText, new Problems());
  const trimmed = sql === undefined ? undefined : trimStatement(sql.body);
  if (sql === undefined || trimmed === undefined) return undefined;
  try {
    const { tree } = parseSelect(sql.body.slice(trimmed.start, trimmed.end));
    return { header: readHeader(fileText.slice(0, sql.bodyOffset)), tree: withoutPositions(tree) };
  } catch (error) {
    if (error instanceof StatementError) return undefined;
    throw error;
  }
}

/** splitSqlFile has read the comment as one YAML mapping already, so this cannot fail. */
function readHeader(comment: string): Readonly<Record<string, unknown>> {
  const yaml = comment.replace(/^[^\n]*\n/, '').replace(/---\s*\*\/\s*$/, '');
  return parse(yaml) as Record<string, unknown>;
}

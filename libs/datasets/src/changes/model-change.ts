import { addedColumns } from './added-columns.js';
import { readFileParts, type FileParts } from './file-parts.js';
import { headerDifference, headerValues, isDescription } from './header-difference.js';

/**
 * What a person did to a model's file, the weightiest first:
 * `new` there was no file; `sql` the SELECT's parse tree differs; `header` some key that is not a description does;
 * `description` only descriptions do; `formatting` only comments, layout or the order of keys do; `none` not a byte.
 */
export type ChangeKind = 'new' | 'sql' | 'header' | 'description' | 'formatting' | 'none';

export interface ModelChange {
  readonly kind: ChangeKind;
  /** The header keys that differ, descriptions among them, sorted: `unique_key`, `columns.device.data_type`. */
  readonly headerKeys: readonly string[];
  /** As addsColumnsOnly gives them: models that name their columns need not follow this change. */
  readonly addedColumns?: readonly string[];
}

/**
 * Compares a model's file as it was applied with the file now. Agrees with Model.codeHash: `description`, `formatting`
 * and `none` never change it, `sql` always does, `header` does for the keys that say how rows are kept.
 * @param before the whole text of the file, header included; undefined when the model is new
 */
export function compareModel(before: string | undefined, after: string): ModelChange {
  if (before === undefined) return { kind: 'new', headerKeys: [] };
  if (before === after) return { kind: 'none', headerKeys: [] };
  const [old, now] = [readFileParts(before), readFileParts(after)];
  if (old === undefined || now === undefined) return { kind: 'sql', headerKeys: [] }; // an older release may have read other SQL
  const headerKeys = headerDifference(old.header, now.header);
  if (JSON.stringify(old.tree) !== JSON.stringify(now.tree)) {
    const added = addsOnly(old, now, headerKeys);
    return { kind: 'sql', headerKeys, ...(added === undefined ? {} : { addedColumns: added }) };
  }
  if (headerKeys.length === 0) return { kind: 'formatting', headerKeys };
  return { kind: headerKeys.every(isDescription) ? 'description' : 'header', headerKeys };
}

/**
 * The output columns that the file now adds, when it adds output columns and nothing else that any row depends on:
 * FROM, WHERE, GROUP BY, row rules, header and every output expression of before are tree-equal. Undefined otherwise.
 * The rows stay the same rows, unless an added expression fails on some of them and `on_data_error` puts them aside:
 * only a backfill can tell.
 * @param before, after whole texts of the file
 */
export function addsColumnsOnly(before: string, after: string): string[] | undefined {
  const [old, now] = [readFileParts(before), readFileParts(after)];
  return old === undefined || now === undefined ? undefined : addsOnly(old, now, headerDifference(old.header, now.header));
}

/** Keys that no row depends on. */
const WITHOUT_ROWS = new Set(['description', 'tags', 'indexes', 'on_schema_change']);
/** A data test that puts rows aside, in the text of headerValues. */
const DIVERTS = /\bon_fail\W+quarantine\b/;

function addsOnly(before: FileParts, after: FileParts, headerKeys: readonly string[]): string[] | undefined {
  const added = addedColumns(before.tree, after.tree);
  if (added === undefined) return undefined;
  const ofAdded = (key: string): boolean => added.some((name) => key === `columns.${name}` || key.startsWith(`columns.${name}.`));
  const values = [headerValues(before.header), headerValues(after.header)];
  const allowed = headerKeys.every((key) => {
    if (key.endsWith('data_tests')) return !values.some((header) => DIVERTS.test(header.get(key) ?? ''));
    if (key === 'accumulate' || key === 'merge_update_columns') return addsEntriesOnly(before.header[key], after.header[key], added);
    return WITHOUT_ROWS.has(key) || isDescription(key) || ofAdded(key);
  });
  return allowed ? added : undefined;
}

/** Whether a list of columns, or a mapping by column, has what it had and beyond that only added columns. */
function addsEntriesOnly(before: unknown, after: unknown, added: readonly string[]): boolean {
  if (before === undefined || after === undefined) return false; // all columns, or none: a change for those of before
  const entries = (value: unknown): [string, unknown][] => (typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [value].flat().map((name) => [String(name), true]));
  const old = new Map(entries(before));
  const now = new Map(entries(after));
  return [...old].every(([name, value]) => now.get(name) === value) && [...now.keys()].every((name) => old.has(name) || added.includes(name));
}

import { compareText } from '../problem.js';

type Header = Readonly<Record<string, unknown>>;

/** Keys whose lists are sets, as in code-hash.ts: one text stands for a list of one, and the order says nothing. */
const SETS = new Set(['increment_on', 'lookups', 'unique_key', 'touch_key', 'tags', 'indexes', 'data_tests', 'merge_update_columns']);
const COLUMNS = 'columns';

/**
 * The keys in which two headers differ, sorted. Columns are compared by name, so a key of one is `columns.device.data_type`;
 * a column that only one header names gives one key for each of its keys, or `columns.device` when it says nothing else.
 */
export function headerDifference(before: Header, after: Header): string[] {
  const [a, b] = [headerValues(before), headerValues(after)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key)).sort(compareText);
}

/** Whether a key as headerDifference gives it only tells people something. */
export function isDescription(key: string): boolean {
  return /^(columns\.[^.]+\.)?description$/.test(key);
}

/** Key as headerDifference gives it -> its value as text that is equal for equal values. */
export function headerValues(header: Header): Map<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of Object.entries(header)) {
    if (value === null || value === undefined) continue; // as absent, for the loader too
    if (key === COLUMNS && Array.isArray(value)) for (const [name, text] of value.flatMap(columnValues)) values.set(name, text);
    else values.set(key, canonical(key, value));
  }
  return values;
}

function columnValues(column: unknown): [string, string][] {
  if (typeof column !== 'object' || column === null) return [];
  const { name, ...rest } = column as Record<string, unknown>;
  const prefix = `${COLUMNS}.${String(name)}`;
  const said = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return [[prefix, ''], ...said.map(([key, value]): [string, string] => [`${prefix}.${key}`, canonical(key, value)])];
}

function canonical(key: string, value: unknown): string {
  if (!SETS.has(key)) return JSON.stringify(value, sortedKeys);
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  return JSON.stringify(list.map((item) => JSON.stringify(item, sortedKeys)).sort(compareText));
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareText(a, b)));
}

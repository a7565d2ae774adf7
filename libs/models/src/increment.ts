import { relationName } from './sql-names.js';

/** What a relation brings into a run. */
export type Increment = GrowingIncrement | ChangingIncrement;

/** Rows that are there now and were not before; none has gone. */
export interface GrowingIncrement {
  readonly kind: 'growing';
  readonly relation: string;
  /** The condition for the new rows. */
  readonly where: string;
  readonly rows: number;
  /** Where the relation holds rows that are for later runs: the condition for those of before and of this run. */
  readonly upTo?: string;
}

/** Rows that were written or removed: the columns that their readers go by stand in a temporary table. */
export interface ChangingIncrement {
  readonly kind: 'changing';
  readonly relation: string;
  /** The table's name as it stands in SQL; undefined when nobody reads the relation by increment. */
  readonly changed?: string;
  readonly rows: number;
}

/**
 * The SQL that stands in the place of a relation of which all rows are read, where it holds more than the run may see: a
 * run that was cut would show lines in one table that the others do not have yet. Undefined: the relation as it is.
 */
export function rowsUpToRun(increments: ReadonlyMap<string, Increment>, relation: string): string | undefined {
  const increment = increments.get(relation);
  if (increment?.kind !== 'growing' || increment.upTo === undefined) return undefined;
  return `(select * from ${relationName(relation)} where ${increment.upTo})`;
}

/** The SQL that stands in the place of a relation that is read by increment. */
export function incrementRows(increment: GrowingIncrement): string {
  return `(select * from ${relationName(increment.relation)} where ${increment.where})`;
}

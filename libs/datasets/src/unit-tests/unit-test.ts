import type { Place } from '../dataset.js';

/** Given rows in, expected rows out: one entry of `unit/*.yml`. */
export interface UnitTest {
  /** One of its dataset. */
  readonly name: string;
  readonly description: string;
  readonly file: string;
  /** Where the file names the test. */
  readonly place: Place;
  /** The relation of the model under test. */
  readonly model: string;
  /** What runs one after the other; one at least, and the last one expects something. */
  readonly increments: readonly UnitIncrement[];
}

/** What is new before one run, and what the model's table holds after it. */
export interface UnitIncrement {
  readonly given: readonly Given[];
  /** Undefined after an increment whose result is not looked at. */
  readonly expect?: Expectation;
}

/**
 * Rows of one input. Of an input that grows they are the new ones. Of one that changes they are new or, under its
 * unique key, the new version of a row. Of a lookup they are all it holds from now on.
 */
export interface Given {
  /** An input of the model, or the model itself: what its table holds before the first increment. */
  readonly relation: string;
  readonly rows: readonly UnitRow[];
  /** Rows that go, each named by some of its columns. */
  readonly removed: readonly UnitRow[];
  readonly place: Place;
}

export interface Expectation {
  /** The columns that are compared: those that any of the rows names. Empty: nothing but the number of rows, which is none. */
  readonly columns: readonly string[];
  /** In any order. */
  readonly rows: readonly UnitRow[];
  /** Rows of the input that this and earlier increments put aside; undefined: nothing may be. */
  readonly quarantined?: readonly QuarantinedRow[];
  readonly place: Place;
}

/** A row with the columns that the file names; the others are null. */
export interface UnitRow {
  readonly place: Place;
  readonly cells: ReadonlyMap<string, UnitCell>;
}

/** A row of the input, named by some of its columns, with every reason why it is put aside. */
export interface QuarantinedRow extends UnitRow {
  /** Names of data tests, or the SQLSTATE of a row that makes the SQL fail. Undefined, in all rows of a list or in none: whatever the reason. */
  readonly reasons?: readonly string[];
}

/**
 * A value as the file writes it: the text of a scalar (`1.10` stays `1.10`), null, or a list or mapping for a column
 * of an array or JSON type.
 */
export interface UnitCell {
  readonly value: string | null | readonly unknown[] | Readonly<Record<string, unknown>>;
  readonly place: Place;
}

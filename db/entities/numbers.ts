import type { ValueTransformer } from 'typeorm';

// The driver gives a bigint as text. Counts, ids and run numbers stay far below 2^53; transaction ids on the shifted
// scale are kept as they are.

type Text = string | null | undefined;

/** A bigint column whose values fit a number. */
export const wholeNumber: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (text: Text) => (text === null || text === undefined ? null : Number(text)),
};

/** A bigint column as a bigint. */
export const bigInteger: ValueTransformer = {
  to: (value: bigint | null | undefined) => value?.toString() ?? null,
  from: (text: Text) => (text === null || text === undefined ? null : BigInt(text)),
};

/** A column of type bigint[]. */
export const bigIntegers: ValueTransformer = {
  to: (values: readonly bigint[] | null | undefined) => values?.map(String) ?? null,
  from: (texts: readonly string[] | null | undefined) => texts?.map(BigInt) ?? null,
};

/** Units of a timestamp, with the digits it has below the second. */
export const PRECISIONS = { s: 0, ms: 3, us: 6, ns: 9 } as const;
export type Precision = keyof typeof PRECISIONS;

/** 9999-12-31T23:59:59Z, the last second in every unit. */
export const LAST_SECOND = 253_402_300_799;
/** Without the line end. */
export const MAX_LINE_BYTES = 4096;
export const MAX_NAME_LENGTH = 128;
/** Rejected lines that an answer lists; the others are counted. */
export const MAX_LISTED_FAULTS = 100;

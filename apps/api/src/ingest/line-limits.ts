/** Units of a timestamp, with the digits it has below the second. */
export const PRECISIONS = { s: 0, ms: 3, us: 6, ns: 9 } as const;
export type Precision = keyof typeof PRECISIONS;

/** 9999-12-31T23:59:59Z, the last second in every unit. */
export const LAST_SECOND = 253_402_300_799;
/** Without the line end. */
export const MAX_LINE_BYTES = 4096;
export const MAX_NAME_LENGTH = 128;
/** Lines of one body: what a COPY under load still stores in a few seconds. Lines of 16 bytes fill 16 MiB before that. */
export const MAX_LINES = 1_000_000;
/** Rejected lines that an answer lists; the others are counted. */
export const MAX_LISTED_FAULTS = 100;

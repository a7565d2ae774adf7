/** Units of a timestamp, with the digits it has below the second. */
export const PRECISIONS = { s: 0, ms: 3, us: 6, ns: 9 } as const;
export type Precision = keyof typeof PRECISIONS;

/** 9999-12-31T23:59:59Z, the last second in every unit. */
export const LAST_SECOND = 253_402_300_799;
export const MAX_NAME_LENGTH = 128;

/** How much one body may hold. */
export interface LineLimits {
  /** Lines of one body. The default is what a COPY under load still stores in a few seconds; lines of 16 bytes fill 16 MiB before that. */
  readonly lines: number;
  /** Of one line, without its line end. */
  readonly lineBytes: number;
  /** Seconds that a timestamp may lie ahead of the clock; 0 = any instant is taken. */
  readonly futureSeconds: number;
}

export const LINE_LIMITS: LineLimits = { lines: 1_000_000, lineBytes: 4_096, futureSeconds: 0 };

/** What a line is held against: the limits at one moment. */
export interface LineBounds {
  readonly lineBytes: number;
  /** Unix time of the latest timestamp that is taken. */
  readonly lastSecond: number;
}

export function boundsNow({ lineBytes, futureSeconds }: LineLimits): LineBounds {
  return { lineBytes, lastSecond: futureSeconds === 0 ? LAST_SECOND : Math.min(LAST_SECOND, Math.floor(Date.now() / 1_000) + futureSeconds) };
}
/** Rejected lines that an answer lists; the others are counted. */
export const MAX_LISTED_FAULTS = 100;

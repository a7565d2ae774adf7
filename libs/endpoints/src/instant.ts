/** Where an instant stands in a range: what a value finer than a microsecond or as coarse as a day is taken for. */
export interface Bound {
  /** A date means its last microsecond, not its first. */
  readonly endOfDay: boolean;
  /** Digits below the microsecond are rounded up, not cut. */
  readonly roundUp: boolean;
}

/** What is wrong with a value, in words for the client. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
// In a query string an unescaped `+` arrives as a space; before an offset it can have been nothing else.
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,18}))?)?(?:([Zz])|([+\- ])(\d{2})(?::?(\d{2}))?)?$/;
const SECONDS_PER_DAY = 86_400;
const MICROSECONDS = 1_000_000;
const FIRST = -62_135_596_800; // 0001-01-01T00:00:00Z
const LAST = 253_402_300_799; // 9999-12-31T23:59:59Z

/**
 * Reads an ISO 8601 date or date-time (no offset means UTC) as the instant PostgreSQL stores: microseconds, UTC.
 * `bound` makes a comparison with stored microseconds exact for any value: a lower bound is rounded up, an upper one
 * is cut.
 * @returns `2022-04-14 13:10:17.000000+00`; two of them compare as texts
 * @throws ValueError
 */
export function readInstant(text: string, bound: Bound): string {
  if (DATE.test(text)) {
    const midnight = daySeconds(text);
    return bound.endOfDay ? format(midnight + SECONDS_PER_DAY - 1, MICROSECONDS - 1) : format(midnight, 0);
  }
  const [, day, hour, minute, second = '0', fraction = '', , sign, offsetHours = '0', offsetMinutes = '0'] = DATE_TIME.exec(text) ?? [];
  if (day === undefined) throw new ValueError('must be an ISO date or date-time, e.g. 2022-04-14 or 2022-04-14T13:10:17Z');
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) throw new ValueError('has no such time of day; the last one is 23:59:59');
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) throw new ValueError('has no such offset from UTC');
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60 * (sign === '-' ? -1 : 1);
  const seconds = daySeconds(day) + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offset;
  const finer = /[1-9]/.test(fraction.slice(6));
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0')) + (finer && bound.roundUp ? 1 : 0);
  return micros === MICROSECONDS ? format(seconds + 1, 0) : format(seconds, micros);
}

/** Reads an ISO 8601 date. @throws ValueError */
export function readDate(text: string): string {
  if (!DATE.test(text)) throw new ValueError('must be an ISO date, e.g. 2022-04-14');
  daySeconds(text);
  return text;
}

function daySeconds(text: string): number {
  const [year, month, day] = text.split('-').map(Number) as [number, number, number];
  if (year === 0) throw new ValueError('must be in the years 0001 to 9999');
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC() takes the years 0 to 99 for 1900 to 1999
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw new ValueError('is no day of the calendar');
  return date.getTime() / 1000;
}

function format(seconds: number, micros: number): string {
  if (seconds < FIRST || seconds > LAST) throw new ValueError('must be in the years 0001 to 9999 in UTC');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}.${String(micros).padStart(6, '0')}+00`;
}

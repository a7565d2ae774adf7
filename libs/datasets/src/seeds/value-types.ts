/** Types that the values of a seed are recognised as, the narrowest first; what is none of them is text. */
const RECOGNISED: readonly (readonly [dataType: string, holds: (value: string) => boolean])[] = [
  ['bigint', (value) => WHOLE.test(value) && inRange(value, 63n)],
  ['numeric', (value) => DECIMAL.test(value)],
  ['boolean', (value) => value === 'true' || value === 'false'],
  ['date', isDate],
  ['timestamptz', isInstant],
];

// A leading zero or plus belongs to a code such as 00501, not to a number.
const WHOLE = /^-?(0|[1-9]\d*)$/;
const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?$/;
const INSTANT = /^(\d{4}-\d{2}-\d{2})[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)$/;

/** The narrowest type that holds every value that is not null; text when there is none. */
export function inferType(values: readonly (string | null)[]): string {
  const given = values.filter((value) => value !== null);
  if (given.length === 0) return 'text';
  return RECOGNISED.find(([, holds]) => given.every(holds))?.[0] ?? 'text';
}

/** What a value of a declared type looks like, for the types whose texts are simple to tell; others the database checks. */
const DECLARED: Readonly<Record<string, (value: string) => boolean>> = {
  int2: (value) => INTEGER.test(value) && inRange(value, 15n),
  int4: (value) => INTEGER.test(value) && inRange(value, 31n),
  int8: (value) => INTEGER.test(value) && inRange(value, 63n),
  numeric: (value) => NUMBER.test(value) || /^(nan|[+-]?inf(inity)?)$/i.test(value),
  float4: (value) => NUMBER.test(value) || /^(nan|[+-]?inf(inity)?)$/i.test(value),
  float8: (value) => NUMBER.test(value) || /^(nan|[+-]?inf(inity)?)$/i.test(value),
  bool: (value) => /^(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|off|of|1|0)$/i.test(value),
  uuid: (value) => /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value),
  // Other spellings of a date are the database's to judge; a day that no month has is wrong in each.
  date: (value) => !DAY.test(value) || isDate(value),
};
const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Whether a text is surely no value of a type. @param dataType as the parser spells it, e.g. `int8` */
export function isNoValueOf(dataType: string, value: string): boolean {
  return DECLARED[dataType]?.(value.trim()) === false;
}

function inRange(value: string, bits: bigint): boolean {
  const number = BigInt(value.replace(/^\+/, ''));
  return number >= -(1n << bits) && number < 1n << bits;
}

function isDate(value: string): boolean {
  if (!DAY.test(value) || value.startsWith('0000')) return false;
  const date = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
}

function isInstant(value: string): boolean {
  const day = INSTANT.exec(value)?.[1];
  return day !== undefined && isDate(day);
}

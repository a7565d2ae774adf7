import { didYouMean } from '@ingot/datasets';
import { readDate, readInstant, ValueError } from './instant.js';
import type { Parameter, ValueType } from './parameter.js';

const MAX_TEXT = 1_000;
export const DEFAULT_MAX_ITEMS = 100;
const INTEGER = /^-?\d+$/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const LOWEST_INTEGER = -(2n ** 63n);
const HIGHEST_INTEGER = 2n ** 63n - 1n;

/** What a single value must be; a parameter, or what the items of a list are. */
export type ValueRules = Pick<Parameter, 'endOfDay' | 'minimum' | 'maximum' | 'values'> & {
  readonly type: ValueType;
  /** Digits below the microsecond are rounded up: the value starts a range. */
  readonly startsRange: boolean;
};

/**
 * What a request gives for a parameter, in PostgreSQL's notation. Equal values give equal texts, so that answers to
 * `1.0` and `1` can be shared.
 * @param texts one for each time the parameter is given; only a list takes several
 * @throws ValueError saying what it must be
 */
export function readValue(parameter: Parameter, texts: readonly string[], all: readonly Parameter[]): string {
  const startsRange = all.some(({ notBefore }) => notBefore === parameter.name);
  if (parameter.type !== 'list') return readSingle({ ...parameter, type: parameter.type, startsRange }, texts[0] ?? '');
  const rules = { ...parameter, type: parameter.of ?? 'text', startsRange };
  const items = texts.flatMap((text) => text.split(','));
  if (items.includes('')) throw new ValueError(items.length === 1 ? 'is empty; leave it out instead' : 'has an empty item; items are separated by one comma');
  const read = [...new Set(items.map((item) => readItem(rules, item)))];
  const most = parameter.maxItems ?? DEFAULT_MAX_ITEMS;
  if (read.length > most) throw new ValueError(`has ${read.length} items; at most ${most} are taken`);
  return `{${read.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

function readItem(rules: ValueRules, text: string): string {
  try {
    return readSingle(rules, text);
  } catch (error) {
    throw error instanceof ValueError ? new ValueError(`has an item (${shortened(text)}) that ${error.message}`) : error;
  }
}

/** @throws ValueError */
export function readSingle(rules: ValueRules, text: string): string {
  if (text === '') throw new ValueError('is empty; leave it out instead');
  if (text.includes('\0')) throw new ValueError('holds a NUL character');
  if (text.length > MAX_TEXT) throw new ValueError(`is longer than ${MAX_TEXT} characters`);
  const value = readUnbounded(rules, text);
  const { type, minimum, maximum } = rules;
  const below = minimum !== undefined && compareValues(type, value, minimum) < 0;
  const above = maximum !== undefined && compareValues(type, value, maximum) > 0;
  if (below || above) throw new ValueError(boundsText(shown(type, minimum), shown(type, maximum)));
  return value;
}

function readUnbounded({ type, endOfDay, startsRange, minimum, maximum, values = [] }: ValueRules, text: string): string {
  switch (type) {
    case 'timestamp':
      return readInstant(text, { endOfDay, roundUp: startsRange });
    case 'date':
      return readDate(text);
    case 'text':
      return text;
    case 'number':
      return readNumber(text);
    case 'integer':
      return readInteger(text, minimum, maximum);
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw new ValueError('must be true or false');
      return text;
    case 'enum':
      if (!values.includes(text)) throw new ValueError(`must be one of ${values.join(', ')}${didYouMean(text, values)}`);
      return text;
  }
}

/** Exactly the double that PostgreSQL would read: the shortest text of one is read back as the same one. */
function readNumber(text: string): string {
  if (!NUMBER.test(text)) throw new ValueError('must be a decimal number, e.g. 1.5 or -2e3');
  const value = Number(text);
  if (!Number.isFinite(value)) throw new ValueError('is too large for a double precision number');
  if (value === 0 && /^-?[0.]*[1-9]/.test(text)) throw new ValueError('is too close to zero for a double precision number');
  return String(value);
}

function readInteger(text: string, minimum = String(LOWEST_INTEGER), maximum = String(HIGHEST_INTEGER)): string {
  if (!INTEGER.test(text)) throw new ValueError('must be a whole number, e.g. 10');
  const value = BigInt(text);
  if (value < LOWEST_INTEGER || value > HIGHEST_INTEGER) throw new ValueError(boundsText(minimum, maximum));
  return String(value);
}

/** The order of two values of a type in PostgreSQL's notation; instants and dates are of fixed width. */
export function compareValues(type: ValueType, a: string, b: string): number {
  if (type === 'number') return Number(a) - Number(b);
  if (type === 'integer') return BigInt(a) < BigInt(b) ? -1 : Number(BigInt(a) > BigInt(b));
  return a < b ? -1 : Number(a > b);
}

function boundsText(minimum: string | undefined, maximum: string | undefined): string {
  if (maximum === undefined) return `must be at least ${minimum ?? ''}`;
  return minimum === undefined ? `must be at most ${maximum}` : `must be from ${minimum} to ${maximum}`;
}

/** An instant as a client would write it: `2022-04-14T00:00:00Z`. */
function shown(type: ValueType, value: string | undefined): string | undefined {
  return type === 'timestamp' ? value?.replace(' ', 'T').replace(/(\.000000)?\+00$/, 'Z') : value;
}

function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import { VALUE_TYPES, sqlTypeOf, type Parameter } from './parameter.js';
import { readValue } from './parameter-value.js';

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 25, size: 'max' });
const any = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('', '-', '+'), digits, fc.constantFrom('', '.5', '.', 'e3', 'e-330', 'e400', 'E+07', '.000', 'x', ' ')).map((parts) => parts.join('')) },
  fc.tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }), fc.constantFrom('', 'T00:00', 'T23:59:59.9999999Z', 't12:00:00-23:59', ' 24:00', 'T12:00+14', 'T12:00 14'))
    .map(([year, month, day, time]) => `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}${time}`),
  fc.constantFrom('true', 'false', 't', 'now', 'today', 'infinity', '-infinity', 'NaN', 'Infinity', 'epoch', '0x1F', '1_000', '{a}', 'null', 'NULL', 'a', 'b c', '"', '\\', '{', '}', "'", 'a\\"b', '٣', 'é🚀'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
).filter((text) => !/[\p{Surrogate}]/u.test(text));

describe('values of requests', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  const parameter = (type: Parameter['type'], of?: Parameter['of']): Parameter => ({ name: 'p', type, required: false, description: 'P.', endOfDay: false, values: ['a', 'b c', '"', 'null', 'é🚀'], ...(of === undefined ? {} : { of, maxItems: 20 }) });

  it.each(VALUE_TYPES)('are refused, or PostgreSQL reads them, and reads the same: %s', async (type) => {
    const [single, list] = [parameter(type), parameter('list', type)];
    const attempt = (wanted: Parameter, texts: string[]): string | undefined => {
      try {
        return readValue(wanted, texts, [wanted]);
      } catch (error) {
        if ((error as Error).name !== 'ValueError') throw error;
        return undefined;
      }
    };
    const texts = fc.sample(any, { numRuns: 1_000, seed: 7 });
    const accepted = texts.flatMap((text) => attempt(single, [text]) ?? []);
    const arrays = texts.flatMap((text, i) => attempt(list, [text, accepted[i % accepted.length] ?? text]) ?? []);
    expect(accepted.length).toBeGreaterThan(10);
    expect(arrays.length).toBeGreaterThan(5);
    for (const [wanted, values] of [[single, accepted], [list, arrays]] as const) {
      const sqlType = sqlTypeOf(wanted);
      // Finite, within the type, and canonical: the text of what was read is read as the same value.
      const rows = await database.query<{ good: boolean }>(
        `select bool_and(value::${sqlType}::text::${sqlType} = value::${sqlType} and value::${sqlType}::text !~ '(NaN|[Ii]nfinity|BC)') as good from unnest($1::text[]) as value`,
        [type === 'text' || type === 'enum' ? values.filter((value) => !/nfinity|NaN|BC/.test(value)) : values],
      );
      expect(rows).toEqual([{ good: true }]);
    }
    const [items] = await database.query<{ items: string[] }>(`select $1::${sqlTypeOf(list)}::text[] as items`, [arrays[0]]);
    expect(items!.items.length).toBeGreaterThan(0);
  });

  it('list items reach PostgreSQL letter by letter', async () => {
    const texts = fc.sample(any, { numRuns: 2_000, seed: 8 }).filter((text) => text !== '' && !/[,\0]/.test(text));
    const unique = [...new Set(texts)].slice(0, 100);
    const [row] = await database.query<{ items: string[] }>('select $1::text[] as items', [readValue(parameter('list', 'text'), unique.slice(0, 20), [])]);
    expect(row!.items).toEqual(unique.slice(0, 20));
    const [rest] = await database.query<{ items: string[] }>('select $1::text[] as items', [readValue({ ...parameter('list', 'text'), maxItems: 100 }, unique, [])]);
    expect(rest!.items).toEqual(unique);
  });
});

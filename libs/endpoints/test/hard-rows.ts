/** A value of each kind in its ordinary, extreme, special and missing form. */
export const HARD_ROWS = String.raw`
  select id, at::timestamptz, day::date, local::timestamp, small::int2, big::int8, real::float4, double::float8, exact::numeric, flag::bool,
    note, doc::jsonb, tags::text[], span::interval, code::char(4), oid::oid
  from (values
    (1, '2022-04-14 13:10:17.5+00', '2022-04-14', '2022-04-14 13:10:17', '7', '8', '1.5', '1.34', '17.4850', 't', 'Voltage', '{"a": [1, null]}', '{x,"y \"z\""}', '1 day', 'ab', '9'),
    (2, '1969-12-31 23:59:59.999999+00', '0044-03-15 BC', '1999-12-31 23:59:59.999999', '-32768', '-9223372036854775808', '3.4028235e38', '1.7976931348623157e308',
      '-12345678901234567890.1234567890', 'f', E'=1+1\r\n"quoted", ''single'', \ttab \u2028 🚀 \u0001', '"=text"', '{}', '-1 mon 2 days', '-', '4294967295'),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (4, 'infinity', '-infinity', '-infinity', '0', '9223372036854775807', 'Infinity', '-Infinity', 'NaN', 't', '', 'null', '{null}', '0', '', '0'),
    (5, '0044-03-15 00:00:00+00 BC', '9999-12-31', '294276-12-31', '32767', '0', 'NaN', '-0', '0', 'f', '-5', '-5', '{-1}', '-1 day', '@a', '1'),
    (6, '9999-12-31 23:59:59.999999+00', '10000-01-01', '10000-01-01', '1', '1', '1e-45', '5e-324', '1e-20', 't', '\.', '1e40', '{"{"}', '1 us', '+', '2')
  ) v(id, at, day, local, small, big, real, double, exact, flag, note, doc, tags, span, code, oid) order by id`;

const micros = (iso: string, more = 0n): bigint => BigInt(Date.parse(iso)) * 1000n + more;
const days = (iso: string): number => Date.parse(iso) / 86_400_000;

/** The same values: instants as microseconds and dates as days from 1970, what no type fits as text. Infinity of time is null. */
export const HARD_VALUES: readonly (readonly unknown[])[] = [
  [1, micros('2022-04-14T13:10:17.500Z'), days('2022-04-14'), micros('2022-04-14T13:10:17Z'), 7, 8n, 1.5, 1.34, '17.4850', true, 'Voltage', '{"a": [1, null]}', String.raw`["x", "y \"z\""]`, '1 day', 'ab  ', 9n],
  [
    2, -1n, days('-000043-03-15'), micros('1999-12-31T23:59:59.999Z', 999n), -32768, -(2n ** 63n), Math.fround(3.4028235e38), Number.MAX_VALUE, '-12345678901234567890.1234567890', false,
    '=1+1\r\n"quoted", \'single\', \ttab \u2028 🚀 \u0001', '"=text"', '[]', '-1 mons +2 days', '-   ', 4294967295n,
  ],
  [3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null],
  [4, null, null, null, 0, 2n ** 63n - 1n, Infinity, -Infinity, 'NaN', true, '', 'null', '[null]', '00:00:00', '    ', 0n],
  [5, micros('-000043-03-15T00:00:00Z'), days('9999-12-31'), null, 32767, 0n, NaN, -0, '0', false, '-5', '-5', '["-1"]', '-1 days', '@a  ', 1n],
  [6, micros('9999-12-31T23:59:59.999Z', 999n), days('+010000-01-01'), micros('+010000-01-01T00:00:00Z'), 1, 1n, Math.fround(1e-45), Number.MIN_VALUE, '0.00000000000000000001', true, '\\.', `1${'0'.repeat(40)}`, '["{"]', '00:00:00.000001', '+   ', 2n],
];

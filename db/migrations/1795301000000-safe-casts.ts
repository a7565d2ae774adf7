import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Casts of text that give null where the cast itself would fail: `ingot.try_float8(line)`. Plain SQL that looks before
 * it casts, so that one text means the same from PostgreSQL 15 to 18 (pg_input_is_valid begins with 16, and 16 reads
 * 0x1F and 1_000 as numbers) and no call costs a subtransaction, as an EXCEPTION block would.
 *
 * Each takes less than its cast, never more: numbers are decimal with at most 1,000 characters and an exponent of at
 * most three digits, dates and times are ISO 8601 of the years 1 to 9999; a time without an offset is UTC. NaN and
 * infinities are null. CASE, never AND, stands between a look and the cast it guards: AND promises no order.
 */
export class SafeCasts1795301000000 implements MigrationInterface {
  name = 'SafeCasts1795301000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const { name, type, volatility, body } of CASTS) {
      await queryRunner.query(`create function ingot.try_${name}(value text) returns ${type} language sql ${volatility} parallel safe return ${body}`);
      await queryRunner.query(`comment on function ingot.try_${name}(text) is 'value::${type}, or null where that is no ${type}.'`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(CASTS.map(({ name }) => `drop function ingot.try_${name}(text);`).reverse().join(' '));
  }
}

interface SafeCast {
  readonly name: string;
  readonly type: string;
  /** A cast that asks for the session's settings is stable only. */
  readonly volatility: 'immutable' | 'stable';
  readonly body: string;
}

const BLANK = String.raw`[ \t\n\r\f\v]*`; // what casts skip; \s is more
const WHOLE = `'^${BLANK}[-+]?[0-9]+${BLANK}$'`;
const PLAIN = `'^[-+]?[0-9]+[.]?[0-9]*$'`; // nearly all numbers there are, and a pattern that costs a third of the next
const DECIMAL = `'^${BLANK}[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9][0-9]?[0-9]?)?${BLANK}$'`;

// A double is the nearest to the decimal: up to half a step above the largest one rounds down to it, and what is not
// above half of the smallest one rounds to zero, which the cast refuses unless it is zero.
const LARGEST = '1.797693134862315807e308';
const SMALLEST = '2.4703282292062328e-324';

/** A whole number within bounds; one of up to `safe` characters is within them without looking. */
function wholeNumber(type: string, safe: number, least: string, most: string): string {
  return `case when value ~ ${WHOLE} then case
    when length(value) <= ${safe} then value::${type}
    when length(value) <= 1000 then case when value::numeric between ${least} and ${most} then value::numeric::${type} end end end`;
}

/** A day that exists, of text that looks like YYYY-MM-DD at its beginning: true or false. */
const IS_DAY = `case when left(value, 4) <> '0000' then case
    when substr(value, 6, 2) between '01' and '12' then
      substr(value, 9, 2)::int between 1 and extract(day from make_date(left(value, 4)::int, substr(value, 6, 2)::int, 1) + interval '1 month' - interval '1 day')
    else false end else false end`;
const DAY = '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]';
const TIME = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?';
const OFFSET = '(Z|[-+](0[0-9]|1[0-4])(:?[0-5][0-9])?)';

const CASTS: readonly SafeCast[] = [
  { name: 'int', type: 'int', volatility: 'immutable', body: wholeNumber('int', 9, '-2147483648', '2147483647') },
  { name: 'bigint', type: 'bigint', volatility: 'immutable', body: wholeNumber('bigint', 18, '-9223372036854775808', '9223372036854775807') },
  { name: 'numeric', type: 'numeric', volatility: 'immutable', body: `case when length(value) <= 1000 then case when value ~ ${PLAIN} then value::numeric when value ~ ${DECIMAL} then value::numeric end end` },
  {
    name: 'float8',
    type: 'double precision',
    volatility: 'immutable',
    body: `case when length(value) <= 300 and value ~ ${PLAIN} then value::float8
      when length(value) <= 1000 then case when value ~ ${DECIMAL} then case
      when value::numeric = 0 or abs(value::numeric) between ${SMALLEST} and ${LARGEST} then value::float8 end end end`,
  },
  {
    name: 'boolean',
    type: 'boolean',
    volatility: 'immutable',
    body: `case lower(btrim(value, E' \\t\\n\\r\\f\\x0b'))
      when 'true' then true when 't' then true when 'yes' then true when 'y' then true when 'on' then true when '1' then true
      when 'false' then false when 'f' then false when 'no' then false when 'n' then false when 'off' then false when '0' then false end`,
  },
  { name: 'date', type: 'date', volatility: 'immutable', body: `case when value ~ '^${DAY}$' then case when ${IS_DAY} then make_date(left(value, 4)::int, substr(value, 6, 2)::int, substr(value, 9, 2)::int) end end` },
  {
    name: 'timestamptz',
    type: 'timestamptz',
    volatility: 'stable',
    body: `case
      when length(value) > 60 then null
      when value ~ '^${DAY}([T ]${TIME}${OFFSET})$' then case when ${IS_DAY} then value::timestamptz end
      when value ~ '^${DAY}([T ]${TIME})?$' then case when ${IS_DAY} then (value || case when length(value) = 10 then 'T00:00Z' else 'Z' end)::timestamptz end
    end`,
  },
  { name: 'uuid', type: 'uuid', volatility: 'immutable', body: `case when value ~ '^[0-9A-Fa-f]+(-[0-9A-Fa-f]+)*$' then case when length(value) = 32 and strpos(value, '-') = 0 then value::uuid
      when length(value) = 36 and value ~ '^.{8}-.{4}-.{4}-.{4}-.{12}$' and length(replace(value, '-', '')) = 32 then value::uuid end end` },
];

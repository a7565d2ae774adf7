import { quoteRelation } from '@ingot/datasets';
import { sqlState, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Endpoint } from './endpoint.js';
import { fillTemplate } from './sql-template.js';

/** What cannot become a view is not looked at: the role has no right TEMP (42501), a column has the type record (42P16). */
const NO_VIEW = /^42/;
/** Words that PostgreSQL reads as a moment in a literal of a date or time. */
const CLOCK_WORDS = /\b(now|today|tomorrow|yesterday)\b/i;
/** Stable functions that render a value as text or JSON by settings which every session pins. */
const RENDERING = [
  ...['concat', 'concat_ws', 'format', 'to_char', 'to_number', 'quote_literal', 'quote_nullable', 'textanycat', 'anytextcat'],
  ...['to_json', 'to_jsonb', 'row_to_json', 'array_to_json', 'array_to_string', 'json_build_array', 'json_build_object', 'jsonb_build_array', 'jsonb_build_object'],
  ...['json_agg', 'jsonb_agg', 'json_object_agg', 'jsonb_object_agg'],
];

/**
 * Whether an endpoint gives equal rows to equal requests until the next run or publication of its dataset: it reads
 * models and seeds only, and asks neither for the time nor for chance, in views behind it neither. In doubt: no.
 *
 * What is called, operators and implicit casts included, is known to the server alone; it shows in the tree that it
 * keeps of a view. So the statement becomes a temporary view for a moment; the caller's transaction goes on. A role without the right
 * TEMP has no endpoint of this kind.
 */
export async function isSameBetweenRuns(client: Client | Connection, endpoint: Endpoint, columns: number): Promise<boolean> {
  if (!endpoint.changesByRuns || stringsOf(endpoint.template.tree).some((text) => CLOCK_WORDS.test(text))) return false;
  const names = Array.from({ length: columns }, (_, i) => `c${i}`).join(', ');
  await client.query('savepoint cacheable');
  try {
    await client.query(`create temporary view endpoint_tree (${names}) as\n${fillTemplate(endpoint.template, new Map())}`);
    const { rows } = await client.query<{ same: boolean }>(SAME, [['pg_temp.endpoint_tree', ...endpoint.locks.map(quoteRelation)], RENDERING]);
    return rows[0]?.same ?? false;
  } catch (error) {
    if (NO_VIEW.test(sqlState(error) ?? '')) return false;
    throw error;
  } finally {
    await client.query('rollback to savepoint cacheable; release savepoint cacheable').catch(() => undefined);
  }
}

/**
 * False when a tree calls a function that is not immutable, apart from those that depend on the time zone (pinned) or
 * render a value; or makes a value from text by a type's input function that is not immutable: those of dates and times
 * read `today`; or holds a keyword such as CURRENT_DATE. In a tree a blank within a name is written with a backslash.
 */
const SAME = `
with trees as (
  select ev_action::text as tree from pg_rewrite where ev_class in (select to_regclass(name) from unnest($1::text[]) as name)
), called as (
  select distinct found[1]::oid as function
  from trees, regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\\d+)', 'g') as found
), made as (
  select distinct found[1]::oid as type from trees, regexp_matches(tree, ':resulttype (\\d+)', 'g') as found
  where tree like '%{COERCEVIAIO %' -- which of the types are made that way is not worth a parser
)
select not exists (select from trees where tree like '%{SQLVALUEFUNCTION %')
  and not exists (
    select from called left join pg_proc as f on f.oid = function
    where f.oid is null
      or f.pronamespace <> 'pg_catalog'::regnamespace
      or f.provolatile = 'v'
      or f.provolatile = 's' and f.proname <> all ($2::text[]) and not (
        f.pronargs > 0
        and f.prorettype::text || ' ' || f.proargtypes::text ~ '\\m(1114|1184|1266)\\M' -- timestamp, timestamptz, timetz
        and not (f.proname = 'age' and f.pronargs = 1) -- counts from today
      )
  )
  and not exists (
    select from made join pg_type as t on t.oid = type join pg_proc as f on f.oid = t.typinput where f.provolatile <> 'i' and f.proname <> 'interval_in'
  ) as same`;

function stringsOf(tree: unknown): string[] {
  if (typeof tree === 'string') return [tree];
  return typeof tree === 'object' && tree !== null ? Object.values(tree).flatMap(stringsOf) : [];
}

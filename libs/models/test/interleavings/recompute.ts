import type { Dataset, Model } from '@ingot/datasets';
import type { Client } from 'pg';
import { GUILTY } from './project.js';

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** The model's text over the tables computed here: `silver.lines` -> `"silver.lines"`, a temporary table. */
const overComputed = (text: string) => text.replace(/\b(bronze|silver|gold)\.([a-z_]+)/g, (mention) => quoted(mention));

/**
 * What each table must hold, computed from the bronze rows that the watermark covers: the files' own text over whole
 * tables, in one snapshot, without anything of the engine. Guilty rows are left out by the conditions of project.ts;
 * the last row of each key is taken for merge.
 * @param client a session of the test's own
 * @returns for each model that is not as it must be, and for the quarantine, some rows of either side
 */
export async function deviations(client: Client, dataset: Dataset): Promise<Record<string, { missing: string[]; unexpected: string[] }>> {
  await client.query('begin isolation level repeatable read');
  try {
    const { rows } = await client.query<{ xmax: string; xip: string[] }>('select snapshot_xmax as xmax, snapshot_xip as xip from ingot.datasets where name = $1', [dataset.name]);
    const { xmax, xip } = rows[0]!;
    const seen = `ingest_xid < ${xmax} and ingest_xid <> all('{${xip.join(',')}}'::bigint[])`;
    await client.query(`create temporary table "bronze.raw" on commit drop as select * from bronze.raw where ${seen}`);
    const found: Record<string, { missing: string[]; unexpected: string[] }> = {};
    for (const model of dataset.models) {
      const [input] = model.incrementOn;
      const guilty = input === undefined ? undefined : guiltyRows(model);
      if (guilty !== undefined && input !== undefined) {
        await client.query(`create temporary table ${quoted(`${model.relation} guilty`)} on commit drop as select * from ${quoted(input)} where ${guilty}`);
        await client.query(`alter table ${quoted(input)} rename to whole; create temporary table ${quoted(input)} on commit drop as select * from whole where (${guilty}) is not true`);
      }
      await client.query(`create temporary table ${quoted(model.relation)} on commit drop as ${computed(model)}`);
      if (guilty !== undefined && input !== undefined) await client.query(`drop table ${quoted(input)}; alter table whole rename to ${quoted(input)}`);
      const columns = await columnsOf(client, model.relation);
      const difference = await compare(client, `select ${columns} from ${quoted(model.relation)}`, `select ${columns} from ${model.relation}`);
      if (difference !== undefined) found[model.relation] = difference;
      if (guilty !== undefined && input !== undefined) {
        const id = idOf(input);
        const entries = await compare(client, `select ${id} from ${quoted(`${model.relation} guilty`)}`, openEntries(model, input));
        if (entries !== undefined) found[`quarantine of ${model.relation}`] = entries;
      }
    }
    return found;
  } finally {
    await client.query('rollback');
  }
}

function guiltyRows(model: Model): string | undefined {
  const rule = model.dataTests.find(({ kind }) => kind === 'in_range');
  return GUILTY[model.relation]?.(rule?.kind === 'in_range' ? String(rule.max) : '');
}

const idOf = (input: string) => (input.startsWith('bronze.') ? 'id' : 'raw_id');
const openEntries = ({ relation }: Model, input: string) => `select (input_row ->> '${idOf(input)}')::bigint from ingot.quarantine where model = '${relation}'`;

function computed({ query, strategy, uniqueKey, orderBy }: Model): string {
  const text = overComputed(query.text);
  if (strategy !== 'merge') return text;
  // A null is older than every value, whichever way the order goes. The last that arrives wins among equals.
  const last = orderBy.map(({ column, descending }) => `${column} ${descending ? 'asc' : 'desc'} nulls last`);
  const arrival = orderBy.length > 0 ? [] : ['(select _run_id from silver.arrivals as a where a.raw_id = q.raw_id) desc', 'raw_id desc'];
  return `select distinct on (${uniqueKey.join(', ')}) q.* from (${text}) as q order by ${[...uniqueKey, ...last, ...arrival].join(', ')}`;
}

async function columnsOf(client: Client, relation: string): Promise<string> {
  const { rows } = await client.query<{ list: string }>(
    `select string_agg(quote_ident(attname), ', ' order by attnum) as list from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> '_run_id'`,
    [relation],
  );
  return rows[0]!.list;
}

/** As text, so that 1.0 is not 1.00; equal rows count. */
async function compare(client: Client, expected: string, stored: string): Promise<{ missing: string[]; unexpected: string[] } | undefined> {
  const [wanted, present] = [expected, stored].map((text) => `(select t::text as row from (${text}) as t)`);
  const { rows } = await client.query<{ side: 'missing' | 'unexpected'; row: string }>(
    `select 'missing' as side, row from (table_wanted except all table_present) as d union all select 'unexpected', row from (table_present except all table_wanted) as d limit 12`
      .replaceAll('table_wanted', `select row from ${wanted} as w`)
      .replaceAll('table_present', `select row from ${present} as p`),
  );
  if (rows.length === 0) return undefined;
  const side = (name: string) => rows.filter((row) => row.side === name).map(({ row }) => row);
  return { missing: side('missing'), unexpected: side('unexpected') };
}

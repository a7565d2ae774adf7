import type { Dataset } from '@ingot/datasets';
import { sampleDataset } from '../sample-project.js';

// Every allowed pair of strategy and input (engine.md 4) occurs below. Lines are
// `day metric value`: metric S gives no row, a value that is no number is poison, one above 90 breaks a rule.

const incremental = (keys: string, select: string) => `/* ---\nmaterialized: incremental\nincremental_strategy: ${keys}\n--- */\n${select}\n`;
const other = (keys: string, select: string) => `/* ---\nmaterialized: ${keys}\n--- */\n${select}\n`;

const FIELDS = "split_part(line, ' ', 1)::date as day, device, split_part(line, ' ', 2) as metric";

export const MODELS: Readonly<Record<string, string>> = {
  'silver/lines.sql': incremental(
    'append\nincrement_on: bronze.raw\nindexes: [[device, day]]\ncolumns:\n  - name: value\n    data_tests:\n      - in_range: { max: 90, on_fail: quarantine }',
    `select id as raw_id, ${FIELDS}, nullif(split_part(line, ' ', 3), '')::numeric as value from bronze.raw where split_part(line, ' ', 2) <> 'S'`,
  ),
  // Two rows for each input row, or none when 100 / (value - 50) fails: all of a row's output, or its entry in quarantine.
  'silver/pairs.sql': incremental(
    'append\nincrement_on: silver.lines\nlookups: [seeds.units, silver.factors]\ncolumns:\n  - name: share\n    data_tests:\n      - in_range: { max: 20, on_fail: quarantine }',
    `select l.raw_id, l.device, u.unit, n, round(n * f.factor * 100 / (l.value - 50), 3) as share
from silver.lines as l left join seeds.units as u on u.metric = l.metric left join silver.factors as f on f.metric = l.metric cross join generate_series(1, 2) as n
where l.value > 20`,
  ),
  'silver/factors.sql': other('view', "select metric, case metric when 'V' then 1 else 2 end as factor from seeds.units"),
  'silver/latest.sql': incremental(
    'merge\nincrement_on: bronze.raw\nunique_key: [device]\norder_by: [day, raw_id]\ncolumns:\n  - name: metric\n    data_tests:\n      - accepted_values: { values: [V, C], on_fail: quarantine }',
    `select device, split_part(line, ' ', 1)::date as day, id as raw_id, split_part(line, ' ', 2) as metric from bronze.raw`,
  ),
  // Which run took which line: the order in which merge without order_by has met them.
  'silver/arrivals.sql': incremental('append\nincrement_on: bronze.raw', 'select id as raw_id from bronze.raw'),
  'silver/arrived.sql': incremental('merge\nincrement_on: bronze.raw\nunique_key: [device, metric]', `select device, split_part(line, ' ', 2) as metric, id as raw_id from bronze.raw`),
  'silver/peak.sql': incremental('merge\nincrement_on: silver.lines\nunique_key: [day, device]\norder_by: [value desc, raw_id]', 'select day, device, value, raw_id, metric from silver.lines'),
  'silver/counts.sql': incremental(
    'accumulate\nincrement_on: bronze.raw\nunique_key: [device]\naccumulate: { n: count, longest: max }',
    'select device, count(*) as n, max(length(line)) as longest from bronze.raw group by device',
  ),
  'silver/daily.sql': incremental(
    'accumulate\nincrement_on: silver.lines\nunique_key: [day, device, metric]\naccumulate: { n: count, filled: count, total: sum, least: min, most: max }',
    'select day, device, metric, count(*) as n, count(value) as filled, sum(value) as total, min(value) as least, max(value) as most from silver.lines group by day, device, metric',
  ),
  'gold/last_line.sql': incremental('delete+insert\nincrement_on: bronze.raw\ntouch_key: [device]', 'select distinct on (device) device, line from bronze.raw order by device, id desc'),
  'gold/middle.sql': incremental(
    'delete+insert\nincrement_on: silver.lines\ntouch_key: [device, day]\nunique_key: [device, day]',
    'select device, day, percentile_disc(0.5) within group (order by value) as middle from silver.lines group by device, day',
  ),
  'gold/power.sql': incremental(
    'delete+insert\nincrement_on: silver.daily\ntouch_key: [day, device]\nunique_key: [day, device]',
    `select day, device, trim_scale(v.total * c.total / (v.n * c.n)) as power
from silver.daily as v join silver.daily as c using (day, device) where v.metric = 'V' and c.metric = 'C'`,
  ),
  'gold/by_latest.sql': incremental('delete+insert\nincrement_on: silver.latest\ntouch_key: [metric]', 'select metric, count(*) as devices from silver.latest group by metric'),
  'gold/by_middle.sql': incremental('delete+insert\nincrement_on: gold.middle\ntouch_key: [middle]', 'select middle, count(*) as n, min(day) as first from gold.middle group by middle'),
  'gold/by_most.sql': incremental('delete+insert\nincrement_on: silver.daily\ntouch_key: [most]', 'select most, count(*) as n from silver.daily group by most'),
  'gold/both.sql': incremental(
    'delete+insert\nincrement_on: [silver.daily, silver.latest]\ntouch_key: [device]',
    'select device, l.metric, sum(d.n) as n from silver.daily as d join silver.latest as l using (device) group by device, l.metric',
  ),
  'silver/per_device.sql': other('view', 'select device, count(*) as n, sum(value) as total from silver.lines group by device'),
  'gold/totals.sql': other(
    'table\nunique_key: [device]',
    `select p.device, p.n, p.total, m.raw_id, b.metric, (select count(*) from gold.middle as g where g.device is not distinct from p.device) as days
from silver.per_device as p left join silver.peak as m on m.device is not distinct from p.device and m.day = date '2030-01-01' left join silver.latest as b on b.device is not distinct from p.device`,
  ),
  // No key, and equal rows: their number counts.
  'gold/bag.sql': other('table', `select device, split_part(line, ' ', 2) as metric from bronze.raw`),
  'gold/nested.sql': other('table', 'select t.device, u.unit, c.n from gold.totals as t join silver.counts as c on c.device is not distinct from t.device left join seeds.units as u on u.metric = t.metric'),
};

/** Other texts of some of the files, as an analyst changes them: one of them at a time is applied over MODELS. */
export const CHANGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  none: {},
  'a row-wise model that much is made of': { 'silver/lines.sql': MODELS['silver/lines.sql']!.replace(' device,', " coalesce(device, 'none') as device,") },
  'a sum': { 'silver/daily.sql': MODELS['silver/daily.sql']!.replace('sum(value)', 'sum(2 * value)') },
  'a merge': { 'silver/latest.sql': MODELS['silver/latest.sql']!.replace('order_by: [day, raw_id]', 'order_by: [day desc, raw_id]') },
  'computed anew by key': { 'gold/middle.sql': MODELS['gold/middle.sql']!.replace('percentile_disc(0.5)', 'percentile_disc(0.9)') },
  'a table': { 'gold/bag.sql': MODELS['gold/bag.sql']!.replace('from bronze.raw', "from bronze.raw where line <> ''") },
  'one more model': { 'gold/extra.sql': incremental('accumulate\nincrement_on: silver.lines\nunique_key: [metric]\naccumulate: { n: count }', 'select metric, count(*) as n from silver.lines group by metric') },
};

/** The limits of the rules `in_range`: as they are in MODELS, and others that let more or fewer rows pass. */
export const LIMITS = { first: ['90', '20'], looser: ['95', '30'], tighter: ['80', '10'] } as const;
export type Limits = keyof typeof LIMITS;

/**
 * For row-wise models: which rows of the input the rules and the SQL name guilty, as a condition on them.
 * @param max of the model's rule `in_range` as it is now
 */
export const GUILTY: Readonly<Record<string, (max: string) => string>> = {
  'silver.lines': (max) => `split_part(line, ' ', 2) <> 'S' and case when split_part(line, ' ', 3) ~ '^[0-9]*$' then nullif(split_part(line, ' ', 3), '')::int > ${max} else true end`,
  'silver.pairs': (max) => `value > 20 and metric in ('V', 'C') and (value = 50 or round(200 * case metric when 'V' then 1 else 2 end / nullif(value - 50, 0), 3) > ${max})`,
  'silver.latest': () => `split_part(line, ' ', 2) not in ('V', 'C')`,
};

const NO_SAMPLE = Object.fromEntries(['silver/stg.sql', 'silver/daily.sql', 'gold/power.sql', 'gold/summary.sql'].map((file) => [file, undefined]));

export async function interleavedDataset(change = 'none', limits: Limits = 'first'): Promise<Dataset> {
  const files: Record<string, string | undefined> = { ...NO_SAMPLE, ...MODELS, ...CHANGES[change], 'seeds/units.csv': 'metric,unit\nV,volt\nC,ampere\n' };
  const [lines, pairs] = LIMITS[limits];
  files['silver/lines.sql'] = files['silver/lines.sql']!.replace('max: 90', `max: ${lines}`);
  files['silver/pairs.sql'] = files['silver/pairs.sql']!.replace('max: 20', `max: ${pairs}`);
  return sampleDataset(files);
}

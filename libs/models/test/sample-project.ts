import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadDataset, type Dataset } from '@ingot/datasets';

/** A small dataset for tests: lines `day metric value` become rows, sums by day and metric, and products of means. */
export const SAMPLE: Readonly<Record<string, string>> = {
  'dataset.yml': 'description: a sample\nprobe_every: 2s\n',
  'sources/raw.yml': 'kind: lines\npath: /raw\ndescription: lines\n',
  'silver/stg.sql': `/* ---
description: rows
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
columns:
  - name: raw_id
    data_type: bigint
  - name: day
    data_type: date
  - name: device
  - name: metric
  - name: value
    data_type: double precision
    data_tests: [not_null]
--- */
select id as raw_id, split_part(line, ' ', 1)::date as day, device, split_part(line, ' ', 2) as metric, nullif(split_part(line, ' ', 3), '')::float8 as value
from bronze.raw
`,
  'silver/daily.sql': `/* ---
description: sums
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg
unique_key: [day, device, metric]
accumulate: { n: count, total: sum, least: min, most: max }
--- */
select day, device, metric, count(*) as n, sum(value::text::numeric) as total, min(value) as least, max(value) as most
from silver.stg
group by 1, 2, 3
`,
  'gold/power.sql': `/* ---
description: products of means
materialized: incremental
incremental_strategy: delete+insert
increment_on: silver.daily
touch_key: [day, device]
unique_key: [day, device]
--- */
select day, device, trim_scale(v.total * c.total / (v.n * c.n)) as power
from silver.daily as v
join silver.daily as c using (day, device)
where v.metric = 'V' and c.metric = 'C'
`,
  'gold/summary.sql': `/* ---
description: per device, which may be null, over all days
materialized: incremental
incremental_strategy: delete+insert
increment_on: silver.daily
touch_key: [device]
unique_key: [device, metric]
--- */
select device, metric, sum(n) as n, sum(total) as total, max(most) as most
from silver.daily
group by device, metric
`,
};

/** `silver.stg` that lets a line it cannot read fail the run; the same places in the file. */
export const STOPPED_BY_DATA = { 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('description: rows', 'on_data_error: fail') };

/**
 * Reads a dataset from files given as text.
 * @param changes files that are added or replaced; undefined removes one
 */
export async function sampleDataset(changes: Readonly<Record<string, string | undefined>> = {}, name = 'sample'): Promise<Dataset> {
  return withSampleFiles(changes, (sqlDir) => loadDataset(path.join(sqlDir, name)), name);
}

/** Writes the files of the sample below a folder `sql/` of its own, reads, removes them again. */
export async function withSampleFiles<T>(changes: Readonly<Record<string, string | undefined>>, read: (sqlDir: string) => Promise<T>, name = 'sample'): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-sample-'));
  const sqlDir = path.join(folder, 'sql');
  try {
    for (const [file, text] of Object.entries({ ...SAMPLE, ...changes })) {
      if (text === undefined) continue;
      const target = path.join(sqlDir, name, file);
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
    return await read(sqlDir);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A small project in one dataset `t`: rows, a view over them, an endpoint and two data tests. */
export const PROJECT: Readonly<Record<string, string>> = {
  't/dataset.yml': 'description: A test.\n',
  't/sources/raw.yml': 'kind: lines\npath: /raw\ndescription: Lines as received.\n',
  't/silver/stg.sql': `/* ---
description: One row a line.
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
tags: [nightly]
columns:
  - name: raw_id
    data_type: bigint
    description: The line's number
    data_tests: [not_null, unique]
--- */
select id as raw_id, device, line as text from bronze.raw
`,
  't/gold/devices.sql': '/* ---\ndescription: Lines per device.\nmaterialized: view\n--- */\nselect device, count(*) as lines, max(raw_id) as newest from silver.stg group by device\n',
  't/endpoints/devices.sql': '/* ---\npath: /devices\ndescription: Lines of one device.\nparameters:\n  device:\n    type: text\n    required: true\n    description: which\n--- */\nselect device, lines from gold.devices where device = :device\n',
};

/** An accumulate model `t/gold/sums.sql`, over a `silver.stg` with a number `n`. */
export const SUMS = `/* ---
description: The sum.
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg
unique_key: [parity]
accumulate: { total: sum, lines: count }
--- */
select n % 2 as parity, sum(n::numeric) as total, count(*) as lines from silver.stg group by 1
`;

/** Writes files below a new folder `sql` and gives its path to the work; the folder is removed afterwards. */
export async function withProject<T>(changes: Readonly<Record<string, string | undefined>>, work: (sqlDir: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'ingot-cli-'));
  try {
    for (const [name, text] of Object.entries({ ...PROJECT, ...changes })) {
      if (text === undefined) continue;
      await mkdir(dirname(join(root, 'sql', name)), { recursive: true });
      await writeFile(join(root, 'sql', name), text);
    }
    return await work(join(root, 'sql'));
  } finally {
    await rm(root, { recursive: true });
  }
}

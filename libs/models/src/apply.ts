import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { compareCode, type AppliedCode, type AppliedModel, type Changes } from './applied-code.js';
import { ApplyError } from './apply-error.js';
import { makeBronzeTable } from './bronze-table.js';
import { syncComments } from './comments.js';
import { waitForLock } from './dataset-lock.js';
import { checkColumns } from './declared-columns.js';
import { dropTables, makeTable } from './model-table.js';
import { syncConstraints, syncIndexes } from './table-guards.js';
import { makeViews } from './views.js';
import { lockState } from './watermark.js';

/**
 * Makes the database agree with a dataset's files: its bronze tables with partitions, the tables of its incremental
 * models, views, indexes, constraints of data tests, comments; last the code hash. One transaction, so a refusal
 * leaves everything as it was. Nothing to do is fine, and so are two at once.
 *
 * As long as nothing has run, new and changed models are just made. Afterwards a new or changed incremental model is
 * refused; views, indexes, data tests and descriptions may still change.
 * @param notice told of what is left over, e.g. the table of a model whose file is gone
 * @throws ApplyError with a line for each problem, at its place in the files
 */
export async function apply(client: Client | Connection, dataset: Dataset, notice: (line: string) => void = () => undefined): Promise<void> {
  await inTransaction(client, 'isolation level read committed', async () => {
    await waitForLock(client, dataset.name);
    await client.query('insert into ingot.datasets (name) values ($1) on conflict do nothing', [dataset.name]);
    const state = await lockState(client, dataset.name);
    const applied = await readAppliedCode(client, dataset.name);
    for (const { relation, file } of dataset.sources) await makeBronzeTable(client, relation, file);
    const changes = compareCode(dataset, applied, (state?.runId ?? 0n) > 0n);
    if (changes.refused.length > 0) throw new ApplyError(changes.refused.map(({ model, reason }) => ({ file: model.file, line: 1, column: 1, message: reason })));
    const code = await makeRelations(client, dataset, applied, changes, notice);
    if (state?.codeHash === dataset.codeHash && JSON.stringify(code) === JSON.stringify(applied)) return;
    await client.query('update ingot.datasets set code_hash = $2, applied_code = $3, applied_at = now() where name = $1', [dataset.name, dataset.codeHash, JSON.stringify(code)]);
  });
}

/** True when a run of this process may write: the database was made by exactly these files. */
export async function isApplied(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const { rows } = await client.query<{ code_hash: string | null }>('select code_hash from ingot.datasets where name = $1', [dataset.name]);
  return rows[0]?.code_hash === dataset.codeHash;
}

/** True when some version of the dataset's files was applied: its tables are there to write to and to read. */
export async function isKnown(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const { rowCount } = await client.query('select from ingot.datasets where name = $1 and code_hash is not null', [dataset.name]);
  return rowCount === 1;
}

async function makeRelations(client: Client | Connection, dataset: Dataset, applied: AppliedCode, changes: Changes, notice: (line: string) => void): Promise<AppliedCode> {
  const remaking = changes.remake;
  if (remaking) await dropTables(client, dataset, applied);
  const code: Record<string, AppliedModel> = {};
  const isView = ({ materialized }: Model): boolean => materialized === 'view';
  // A table may read a view and a view a table, so both are made in graph order as long as nothing has run.
  for (const model of dataset.models) {
    if (isView(model)) {
      if (remaking) await makeViews(client, [model], applied, notice);
      continue;
    }
    await makeTable(client, model, applied, remaking);
    await checkColumns(client, model);
    await syncConstraints(client, model);
  }
  if (!remaking) await makeViews(client, dataset.models.filter(isView), applied, notice);
  for (const model of dataset.models) {
    if (isView(model)) await checkColumns(client, model);
    const indexes = isView(model) ? [] : await syncIndexes(client, model, applied[model.relation]?.indexes ?? []);
    await syncComments(client, model);
    code[model.relation] = { hash: model.codeHash, materialized: model.materialized, indexes };
  }
  for (const { relation } of changes.removed) notice(`${relation} has no file any more; it stays in the database as it is, and no run writes it`);
  for (const [relation, before] of Object.entries(applied)) if (code[relation] === undefined) code[relation] = { ...before, removed: true };
  return sortedByName(code);
}

/** jsonb keeps no order of keys; one order makes two codes comparable as text. */
function sortedByName(code: AppliedCode): AppliedCode {
  const sorted = Object.keys(code).sort();
  return Object.fromEntries(sorted.map((relation) => {
    const { hash, materialized, indexes, removed } = code[relation]!;
    return [relation, { hash, materialized, indexes, ...(removed ? { removed } : {}) }];
  }));
}

async function readAppliedCode(client: Client | Connection, dataset: string): Promise<AppliedCode> {
  const { rows } = await client.query<{ code: AppliedCode | null }>('select applied_code as code from ingot.datasets where name = $1', [dataset]);
  return sortedByName(rows[0]?.code ?? {});
}

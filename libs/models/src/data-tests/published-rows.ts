import type { Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { relationName } from '../sql-names.js';
import { coveredRows, readState } from '../watermark.js';
import { isQueryTest, type AnyTest } from './test-result.js';

/** What stands in the place of a relation that a SELECT of tests/ reads; undefined: the relation as it is. */
export type RowsOf = (relation: string) => string | undefined;

const NOTHING_SEEN = { xmax: 0n, xip: [] };

/**
 * Bronze as far as runs have taken it. A line that waits for the next run is no fault of the tables that lack it.
 * @param client in a transaction whose snapshot is one for this and for the test
 */
export async function publishedRows(client: Client | Connection, datasets: readonly Dataset[], test: AnyTest): Promise<RowsOf> {
  const bronze = isQueryTest(test) ? test.query.mentions.map(({ relation }) => relation) : [];
  const dataset = datasets.find(({ sources }) => sources.some(({ relation }) => bronze.includes(relation)));
  const state = dataset && (await readState(client, dataset.name));
  if (dataset === undefined || state === undefined) return () => undefined;
  const isSource = (relation: string): boolean => dataset.sources.some((source) => source.relation === relation);
  return (relation) => (isSource(relation) ? `(select * from ${relationName(relation)} where ${coveredRows('ingest_xid', NOTHING_SEEN, state.seen)})` : undefined);
}

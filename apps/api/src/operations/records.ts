import type { Dataset } from '@ingot/datasets';
import type { Endpoint } from '@ingot/endpoints';
import type { OperationsDatabase } from './operations-database.js';

export const RECORDS = Symbol('RECORDS');

/** What the operations endpoints tell from. */
export interface Records {
  readonly datasets: readonly Dataset[];
  readonly endpoints: readonly Endpoint[];
  readonly database: OperationsDatabase;
  /** Why a dataset is not kept up to date right now; undefined when all is well. */
  readonly standsStill: (dataset: string) => string | undefined;
  /** Has a dataset's runner look at once. */
  readonly wake: (dataset: string) => void;
}

/** The names of the datasets meant: that one, or all. */
export function datasetNames({ datasets }: Records, dataset: string | undefined): string[] {
  return dataset === undefined ? datasets.map(({ name }) => name) : [dataset];
}

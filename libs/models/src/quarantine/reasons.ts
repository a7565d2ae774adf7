import { placeInQuery, type Dataset, type Place } from '@ingot/datasets';
import type { QuarantineEntry } from './entries.js';

/** Why an entry lies in quarantine. */
export interface Reason {
  /** The name of a data test, or an SQLSTATE. */
  readonly name: string;
  readonly message?: string;
  /** Where the rule, or the model whose SQL failed, stands; absent when the files know neither any more. */
  readonly place?: Place;
}

/** @param dataset that of the entry, as its files are now */
export function reasonsOf({ model: relation, reasons, sqlstate, message }: QuarantineEntry, dataset: Dataset | undefined): Reason[] {
  const model = dataset?.models.find((one) => one.relation === relation);
  const rules = reasons.map((name) => {
    const place = model?.dataTests.find((test) => test.name === name)?.place;
    return { name, ...(place === undefined ? {} : { place }) };
  });
  if (sqlstate === null) return rules;
  return [...rules, { name: `SQLSTATE ${sqlstate}`, ...(message === null ? {} : { message }), ...(model === undefined ? {} : { place: placeInQuery(model.query, 0) }) }];
}

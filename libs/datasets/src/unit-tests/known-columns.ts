import type { Dataset } from '../dataset.js';
import { Lineage, type KnownColumns } from '../lineage/lineage.js';
import { parseSelect } from '../parser.js';
import { BRONZE_COLUMNS } from '../source-file.js';

/** The columns of every relation of a dataset as far as its files say them, without the engine's own `_run_id`. */
export function knownColumns(dataset: Dataset): ReadonlyMap<string, KnownColumns> {
  const known = new Map<string, KnownColumns>();
  for (const { relation } of dataset.sources) known.set(relation, { columns: BRONZE_COLUMNS, complete: true });
  for (const { relation, columns } of dataset.seeds) known.set(relation, { columns, complete: true });
  for (const { relation, query, columns } of dataset.models) {
    const lineage = new Lineage((input) => known.get(input) ?? { columns: [], complete: false }, new Set());
    const outputs = lineage.outputs(parseSelect(query.text).block);
    const named = outputs.list.flatMap((column) => (column === undefined ? [] : [{ name: column.name }]));
    const declared = columns.filter(({ name }) => !named.some((column) => column.name === name));
    known.set(relation, { columns: [...named, ...declared], complete: outputs.complete });
  }
  return known;
}

import { buildCatalog, jsonDocument, type Dataset } from '@ingot/datasets';
import { catalogPart, type Endpoint } from '@ingot/endpoints';
import { readCatalogFacts, readModelStates } from '@ingot/models';
import type { Connection } from '@ingot/postgres';
import type { ModelDetailAnswer } from './model-answers.js';

/** Every model of the datasets with what the files say and what the database knows: the facts of `ingot docs`, and more. */
export async function readModels(client: Connection, datasets: readonly Dataset[], endpoints: readonly Endpoint[]): Promise<ModelDetailAnswer[]> {
  const facts = await readCatalogFacts(client, datasets);
  const columnNames = new Map([...facts.relations].map(([relation, { columns }]) => [relation, columns.map(({ name }) => name)]));
  const parts = datasets.map((dataset) => catalogPart(dataset, endpoints.filter((endpoint) => endpoint.dataset === dataset.name), columnNames));
  const catalog = buildCatalog(parts, facts, new Date());
  const models: ModelDetailAnswer[] = [];
  for (const [at, dataset] of datasets.entries()) {
    const states = await readModelStates(client, dataset);
    for (const model of dataset.models) {
      const known = catalog.datasets[at]!.relations.find(({ name }) => name === model.relation)!;
      const sources = parts[at]!.lineage.nodes.find(({ name }) => name === model.relation)!.columns;
      const state = states.get(model.relation)!;
      models.push(
        jsonDocument({
          name: model.relation,
          dataset: dataset.name,
          kind: model.materialized,
          strategy: model.strategy ?? null,
          description: model.description,
          file: model.file,
          tags: model.tags,
          uniqueKey: model.uniqueKey,
          incrementOn: model.incrementOn,
          reads: known.reads,
          readBy: known.readBy,
          columns: known.columns.map(({ name, dataType, description }) => ({
            name,
            dataType: dataType ?? null,
            description: description ?? null,
            from: sources.find((column) => column.name === name)?.from ?? [],
          })),
          tests: known.tests.map(({ name, kind, columns, onFail }) => ({ name, kind, columns, onFail })),
          code: { hash: model.codeHash, appliedHash: state.appliedHash, state: state.code },
          estimatedRows: known.stored?.estimatedRows ?? null,
          bytes: known.stored?.bytes ?? null,
          lastStep: state.lastStep,
          refreshedAt: state.refreshedAt,
          sql: model.query.text,
        }),
      );
    }
  }
  return models;
}

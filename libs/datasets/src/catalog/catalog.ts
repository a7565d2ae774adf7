import type { DataTest, Dataset, Materialized, Model, Seed } from '../dataset.js';
import type { DatasetLineage, LineageNode } from '../lineage/dataset-lineage.js';

/** What a person wants to know of the datasets: plain data, written to catalog.json and read by the console. */
export interface Catalog {
  /** When it was made, ISO. */
  readonly generatedAt: string;
  /** True when types, sizes and last runs come from a database. */
  readonly fromDatabase: boolean;
  readonly datasets: readonly DatasetCatalog[];
}

export interface DatasetCatalog {
  readonly name: string;
  readonly description: string;
  readonly lastRun?: LastRun;
  /** Sources, seeds and models, each after what it reads. */
  readonly relations: readonly CatalogRelation[];
  readonly endpoints: readonly CatalogEndpoint[];
  /** The SELECTs of `tests/`. */
  readonly tests: readonly CatalogTest[];
}

export interface CatalogRelation {
  readonly name: string;
  readonly kind: 'source' | 'seed' | Materialized;
  readonly file: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** For a source: where its lines come in, e.g. `POST /data`. */
  readonly route?: string;
  readonly strategy?: string;
  readonly incrementOn?: readonly string[];
  readonly uniqueKey: readonly string[];
  readonly reads: readonly string[];
  /** Relations, endpoints and query tests that read it. */
  readonly readBy: readonly string[];
  readonly columns: readonly CatalogColumn[];
  /** False when some columns are known to a database only. */
  readonly complete: boolean;
  readonly tests: readonly CatalogTest[];
  /** The SELECT as written. */
  readonly sql?: string;
  /** Where a database was asked: absent when the relation is not there. */
  readonly stored?: StoredFacts;
}

export interface CatalogColumn {
  readonly name: string;
  /** As the database has it, else as the header declares it, else as a cast in the SELECT shows it. */
  readonly dataType?: string;
  readonly description?: string;
}

export interface CatalogTest {
  readonly name: string;
  /** `not_null`, `unique`, ...; `query` for a SELECT of `tests/`. */
  readonly kind: string;
  readonly columns: readonly string[];
  readonly onFail: 'error' | 'warn' | 'quarantine';
  readonly description?: string;
  readonly file: string;
}

export interface CatalogEndpoint {
  /** `GET /data`. */
  readonly route: string;
  readonly file: string;
  readonly description: string;
  readonly parameters: readonly { readonly name: string; readonly type: string; readonly required: boolean; readonly description: string }[];
  readonly columns: readonly string[];
  readonly reads: readonly string[];
}

/** What a database knows of a relation. */
export interface StoredFacts {
  /** As format_type gives the types, in the relation's order, without the engine's own. */
  readonly columns: readonly { readonly name: string; readonly dataType: string }[];
  /** The planner's estimate; absent for a view and for a table never analyzed. */
  readonly estimatedRows?: number;
  /** With indexes; absent for a view. */
  readonly bytes?: number;
}

export interface LastRun {
  readonly status: 'succeeded' | 'failed';
  /** The number in `_run_id`; absent when it was rolled back. */
  readonly runId?: string;
  /** ISO. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly rowsIn: number;
  /** What failed, when something did. */
  readonly error?: string;
}

/** What was read from a database for a catalog. */
export interface CatalogFacts {
  readonly relations: ReadonlyMap<string, StoredFacts>;
  /** By dataset. */
  readonly lastRuns: ReadonlyMap<string, LastRun>;
}

/** A dataset with what belongs to it. */
export interface CatalogPart {
  readonly dataset: Dataset;
  /** With the endpoints among its nodes. */
  readonly lineage: DatasetLineage;
  readonly endpoints: readonly Omit<CatalogEndpoint, 'columns' | 'reads'>[];
}

/** @param facts undefined without a database */
export function buildCatalog(parts: readonly CatalogPart[], facts: CatalogFacts | undefined, now: Date): Catalog {
  return { generatedAt: now.toISOString(), fromDatabase: facts !== undefined, datasets: parts.map((part) => datasetCatalog(part, facts)) };
}

function datasetCatalog({ dataset, lineage, endpoints }: CatalogPart, facts: CatalogFacts | undefined): DatasetCatalog {
  const { name, description, sources, seeds, models, dataTests } = dataset;
  const nodes = new Map(lineage.nodes.map((node) => [node.name, node]));
  const lastRun = facts?.lastRuns.get(name);
  const relations = lineage.nodes.flatMap((node): CatalogRelation[] => {
    const own = ownOf([...sources, ...seeds, ...models], node.name);
    if (own === undefined || node.kind === 'endpoint' || node.kind === 'test') return [];
    const stored = facts?.relations.get(node.name);
    const model = models.find(({ relation }) => relation === node.name);
    const seed = seeds.find(({ relation }) => relation === node.name);
    const source = sources.find(({ relation }) => relation === node.name);
    return [
      {
        name: node.name,
        kind: node.kind,
        file: node.file,
        description: own.description,
        tags: own.tags,
        ...(source === undefined ? {} : { route: `POST ${source.path}` }),
        ...(model?.strategy === undefined ? {} : { strategy: model.strategy, incrementOn: model.incrementOn }),
        uniqueKey: (model ?? seed)?.uniqueKey ?? [],
        reads: node.reads,
        readBy: lineage.nodes.filter(({ reads }) => reads.includes(node.name)).map((reader) => reader.name),
        columns: columnsOf(node, model ?? seed, stored),
        complete: node.complete,
        tests: ((model ?? seed)?.dataTests ?? []).map(testOf),
        ...(model === undefined ? {} : { sql: model.query.text }),
        ...(stored === undefined ? {} : { stored }),
      },
    ];
  });
  return {
    name,
    description,
    ...(lastRun === undefined ? {} : { lastRun }),
    relations,
    endpoints: endpoints.map((endpoint) => {
      const node = nodes.get(endpoint.route);
      return { ...endpoint, columns: node?.columns.map((column) => column.name) ?? [], reads: node?.reads ?? [] };
    }),
    tests: dataTests.map((test) => ({ name: test.name, kind: 'query', columns: [], onFail: test.onFail, description: test.description, file: test.file })),
  };
}

function ownOf<T extends { readonly relation: string }>(all: readonly T[], name: string): T | undefined {
  return all.find(({ relation }) => relation === name);
}

function columnsOf(node: LineageNode, owner: Model | Seed | undefined, stored: StoredFacts | undefined): CatalogColumn[] {
  const names = [...new Set([...node.columns.map(({ name }) => name), ...(node.complete ? [] : (stored?.columns ?? []).map(({ name }) => name))])];
  return names.map((name) => {
    const header = owner?.columns.find((column) => column.name === name);
    const dataType = stored?.columns.find((column) => column.name === name)?.dataType ?? header?.dataType ?? node.columns.find((column) => column.name === name)?.dataType;
    return { name, ...(dataType === undefined ? {} : { dataType }), ...(header?.description === undefined ? {} : { description: header.description }) };
  });
}

function testOf(test: DataTest): CatalogTest {
  const columns = 'columns' in test ? test.columns : 'column' in test ? [test.column] : [];
  return { name: test.name, kind: test.kind, columns, onFail: test.onFail, file: test.place.file };
}

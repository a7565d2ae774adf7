import type { Dataset, Materialized } from '../dataset.js';
import { canonicalType, parseSelect } from '../parser.js';
import { BRONZE_COLUMNS } from '../source-file.js';
import { Lineage, type KnownColumns, type Outputs } from './lineage.js';
import { NONE, union, type ColumnSource } from './sources.js';

/** Everything that reads or holds data of a dataset, each after what it reads. Plain data: this is the JSON of lineage. */
export interface DatasetLineage {
  readonly dataset: string;
  readonly nodes: readonly LineageNode[];
}

export interface LineageNode {
  /** `silver.stg_readings`; for an endpoint its route, `GET /data`; for a SELECT of `tests/` its file's name, `tests/positive`. */
  readonly name: string;
  readonly kind: 'source' | 'seed' | Materialized | 'endpoint' | 'test';
  readonly file: string;
  /** Relations read directly, sorted. */
  readonly reads: readonly string[];
  readonly columns: readonly LineageColumn[];
  /** False when a `*` hides columns that only a database knows. */
  readonly complete: boolean;
}

export interface LineageColumn {
  readonly name: string;
  /** As the files say it, in the parser's spelling (`float8`); absent when they do not. */
  readonly dataType?: string;
  /** The columns it comes from directly, by relation and column; what decides about the rows counts for every column. */
  readonly from: readonly ColumnSource[];
}

/** A SELECT outside the dataset's graph that reads it. */
export interface Reader {
  readonly name: string;
  readonly kind: 'endpoint' | 'test';
  readonly file: string;
  /** May hold `$1`. */
  readonly text: string;
}

const RUN_ID = '_run_id';

/**
 * The lineage of a dataset, tables and columns, with its query tests and the readers given.
 * @param readers e.g. endpoints
 * @param catalogue column names of relations as a database has them, for `*` over what no file lists
 */
export function datasetLineage(dataset: Dataset, readers: readonly Reader[] = [], catalogue: ReadonlyMap<string, readonly string[]> = new Map()): DatasetLineage {
  const known = new Map<string, KnownColumns>();
  const lineage = new Lineage((relation) => known.get(relation) ?? { columns: [], complete: false }, new Set());
  const nodes: LineageNode[] = [];
  const add = (node: Omit<LineageNode, 'complete'>, complete = true): void => void nodes.push({ ...node, complete });

  for (const { relation, file } of dataset.sources) {
    known.set(relation, { columns: BRONZE_COLUMNS, complete: true });
    add({ name: relation, kind: 'source', file, reads: [], columns: BRONZE_COLUMNS.map((column) => ({ ...column, from: [] })) });
  }
  for (const { relation, file, columns } of dataset.seeds) {
    known.set(relation, { columns, complete: true });
    add({ name: relation, kind: 'seed', file, reads: [], columns: columns.map(({ name, dataType }) => ({ name, dataType, from: [] })) });
  }
  for (const { relation, file, materialized, query, columns: declared } of dataset.models) {
    const { block, mentions } = parseSelect(query.text);
    const result = lineage.outputs(block);
    const names = catalogue.get(relation) ?? (result.complete ? [] : declared.map(({ name }) => name));
    const types = new Map(declared.flatMap(({ name, dataType }) => (dataType === undefined ? [] : [[name, canonicalType(dataType)] as const])));
    const columns = columnsOf(result, names).map((column) => ({ ...column, ...typed(types.get(column.name) ?? column.dataType) }));
    const complete = result.complete || catalogue.has(relation);
    known.set(relation, { columns: materialized === 'view' ? columns : [...columns, { name: RUN_ID, dataType: 'int8' }], complete });
    add({ name: relation, kind: materialized, file, reads: sortedNames(mentions), columns }, complete);
  }
  const tests = dataset.dataTests.map(({ name, file, query }): Reader => ({ name: `tests/${name}`, kind: 'test', file, text: query.text }));
  for (const { name, kind, file, text } of [...tests, ...readers]) {
    const { block, mentions } = parseSelect(text, { parameters: true });
    const result = lineage.outputs(block);
    add({ name, kind, file, reads: sortedNames(mentions), columns: columnsOf(result, []) }, result.complete);
  }
  return { dataset: dataset.name, nodes };
}

/** @param further names of columns that a `*` stands for */
function columnsOf(result: Outputs, further: readonly string[]): LineageColumn[] {
  const listed = result.list.flatMap((column) => column ?? []);
  const hidden = further.filter((name) => !listed.some((column) => column.name === name));
  return [
    ...listed.map(({ name, dataType, from }) => ({ name, ...typed(dataType), from: sorted([from, result.rows]) })),
    ...hidden.map((name) => ({ name, from: sorted([result.unlisted?.(name) ?? NONE, result.rows]) })),
  ];
}

function typed(dataType: string | undefined): Pick<LineageColumn, 'dataType'> {
  return dataType === undefined ? {} : { dataType };
}

function sorted(sources: Parameters<typeof union>[0]): ColumnSource[] {
  return [...union(sources)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, source]) => source);
}

function sortedNames(mentions: readonly { readonly relation: string }[]): string[] {
  return [...new Set(mentions.map(({ relation }) => relation))].sort();
}

import { checkAccumulate, type Reports } from './accumulate.js';
import { modelCodeHash } from './code-hash.js';
import type { Model, Strategy } from './dataset.js';
import { Lineage, type KnownColumn, type KnownColumns } from './lineage/lineage.js';
import { placeOfByte, type ModelFile, type RelationKind } from './model-file.js';
import { didYouMean } from './nearest-name.js';
import { canonicalType } from './parser.js';
import type { Problems } from './problem.js';
import { placeInQuery } from './rendered-query.js';
import { usesOf } from './row-wise.js';
import type { Located } from './section.js';
import { readTouchKeys, relationItems } from './touch-keys.js';

/** A relation of the dataset as the models after it see it. */
export interface Input extends KnownColumns {
  readonly kind: RelationKind;
  /** For a view: the tables behind it, through further views too. */
  readonly behind: ReadonlySet<string>;
}

const RUN_ID = '_run_id';

/** What has no increment, and what to do instead. */
const LOOKUP_ONLY: Partial<Record<RelationKind, string>> = {
  view: 'a view, which has no increment of its own: read what it reads, or',
  table: 'a table computed as a whole, which has no increment:',
  seed: 'a seed, which has no increment:',
};
/** Their rows do not only come, they change. */
const CHANGING: ReadonlySet<RelationKind> = new Set(['accumulate', 'merge', 'delete+insert']);

/**
 * Checks a model against what it reads: which input may be read by increment by which strategy, and whether the SELECT
 * is of the form its strategy needs. Every input of the model must be in `inputs`.
 * @returns the model, and what it is to the models that read it; also when there were problems
 */
export function checkFeeding(file: ModelFile, inputs: ReadonlyMap<string, Input>, problems: Problems): { model: Model; input: Input } {
  const { header } = file;
  const incrementOn = header.incrementOn.filter((entry) => checkIncrementInput(entry, file, inputs, problems)).map(({ value }) => value);
  const lineage = new Lineage((relation) => inputs.get(relation) ?? { columns: [], complete: false }, new Set(incrementOn));
  const columns = checkOutputs(file, lineage, problems);
  if (header.materialized?.value === 'incremental') checkLookups(file, inputs, problems);
  const strategy = header.materialized?.value === 'incremental' ? header.strategy?.value : undefined;
  const touchKey = strategy === undefined ? [] : checkStrategy(strategy, file, incrementOn, lineage, problems);

  const model = modelOf(file, strategy, incrementOn, touchKey);
  const kind = kindOf(file);
  const own = kind === 'view' ? [] : [{ name: RUN_ID, dataType: 'int8' }];
  return { model, input: { kind, columns: [...columns.columns, ...own], complete: columns.complete, behind: behindOf(file, kind, inputs) } };
}

/** Unknown when the header, which was reported, does not say: what reads it is then checked as far as it can be. */
function kindOf({ header }: ModelFile): RelationKind {
  const materialized = header.materialized?.value;
  return materialized === 'incremental' ? (header.strategy?.value ?? 'unknown') : (materialized ?? 'unknown');
}

function modelOf(file: ModelFile, strategy: Strategy | undefined, incrementOn: readonly string[], touchKey: Model['touchKey']): Model {
  const { header, statement, relation } = file;
  const model = {
    relation,
    file: file.file,
    description: header.description,
    materialized: header.materialized?.value ?? 'view',
    ...(strategy === undefined ? {} : { strategy }),
    incrementOn,
    lookups: header.lookups.map(({ value }) => value),
    uniqueKey: header.uniqueKey.map(({ value }) => value),
    touchKey,
    accumulate: Object.fromEntries(header.accumulate.map(({ name, value }) => [name.value, value.value])),
    tags: header.tags,
    ...(header.refreshEveryMs === undefined ? {} : { refreshEveryMs: header.refreshEveryMs }),
    onSchemaChange: header.onSchemaChange,
    onDataError: header.onDataError,
    orderBy: header.orderBy.map(({ value }) => value),
    ...(header.mergeUpdateColumns === undefined ? {} : { mergeUpdateColumns: header.mergeUpdateColumns.map(({ value }) => value) }),
    columns: header.columns,
    dataTests: header.tests.map(({ test }) => test),
    indexes: header.indexes.map((columns) => columns.map(({ value }) => value)),
    ...(header.partitionBy === undefined ? {} : { partitionBy: header.partitionBy.value }),
    ...(header.distributedBy === undefined ? {} : { distributedBy: header.distributedBy.value }),
    query: file.query,
  };
  return { ...model, codeHash: modelCodeHash(model, statement.tree) };
}

/** What may be `increment_on` of what. A WITH query that nothing reads does not count as reading. */
function checkIncrementInput(entry: Located, file: ModelFile, inputs: ReadonlyMap<string, Input>, problems: Problems): boolean {
  const { value, place } = entry;
  const input = inputs.get(value);
  const mentioned = relationItems(file.statement.block).map(({ relation }) => relation);
  if (input === undefined || !mentioned.includes(value)) {
    problems.add(place, `increment_on names ${value}, which the SELECT does not read${input === undefined ? didYouMean(value, mentioned) : ''}`);
    return false;
  }
  const strategy = file.header.strategy?.value;
  if (LOOKUP_ONLY[input.kind] !== undefined) {
    problems.add(place, `increment_on: ${value} is ${LOOKUP_ONLY[input.kind]} name it under lookups`);
    return false;
  }
  if (CHANGING.has(input.kind) && strategy !== undefined && strategy !== 'delete+insert') {
    problems.add(place, `increment_on: the rows of ${value} (${input.kind}) change, so ${strategy} would take them again; only delete+insert may read it by increment`);
    return false;
  }
  return true;
}

/** What a model reads besides its increment must be named, so that nobody expects its changes to recompute anything. */
function checkLookups(file: ModelFile, inputs: ReadonlyMap<string, Input>, problems: Problems): void {
  const { header, query } = file;
  const lookups = header.lookups.map(({ value }) => value);
  const increments = header.incrementOn.map(({ value }) => value);
  for (const mention of query.mentions) {
    if (lookups.includes(mention.relation) || increments.includes(mention.relation)) continue;
    problems.add(placeInQuery(query, mention.start), `${mention.relation} is read but named neither under increment_on nor under lookups`);
  }
  for (const { value, place } of header.lookups) {
    if (increments.includes(value)) problems.add(place, `${value} is named under increment_on and under lookups`);
    else if (!query.mentions.some(({ relation }) => relation === value)) {
      problems.add(place, `lookups names ${value}, which the SELECT does not read${didYouMean(value, query.mentions.map(({ relation }) => relation))}`);
    }
    for (const table of inputs.get(value)?.behind ?? []) {
      if (increments.includes(table)) problems.add(place, `the view ${value} reads ${table}, which this model reads by increment; write what the view does in the SELECT`);
    }
  }
}

/** The form each strategy needs its SELECT to have. */
function checkStrategy(strategy: Strategy, file: ModelFile, incrementOn: readonly string[], lineage: Lineage, problems: Problems): Model['touchKey'] {
  const reports: Reports = {
    inQuery: (byte, message) => problems.add(placeOfByte(file, byte), message),
    inHeader: (place, message) => problems.add(place, message),
  };
  if (strategy === 'delete+insert') {
    const keys = file.header.touchKey.length > 0 ? file.header.touchKey : file.header.uniqueKey;
    return incrementOn.length === 0 ? [] : readTouchKeys(file.statement, keys, incrementOn, lineage, reports);
  }
  for (const relation of incrementOn.slice(0, 1)) {
    const uses = usesOf(file.statement.block, relation, strategy === 'accumulate');
    if (uses.length !== 1) {
      const [first, second] = file.query.mentions.filter((mention) => mention.relation === relation);
      problems.add(placeInQuery(file.query, (second ?? first!).start), `${strategy} reads ${relation} at exactly one place, here at ${uses.length}`);
      continue;
    }
    for (const { item, obstacles } of uses) {
      for (const { what, byte } of obstacles) {
        const place = byte === undefined ? placeInQuery(file.query, item.start) : placeOfByte(file, byte);
        problems.add(place, `${strategy} takes each row of ${relation} once and alone; ${what} does not`);
      }
    }
  }
  if (strategy === 'accumulate') checkAccumulate(file.statement, file.header, lineage, reports);
  return [];
}

/** Result columns: named, each once, not the engine's own; those that the header speaks of must exist. */
function checkOutputs(file: ModelFile, lineage: Lineage, problems: Problems): KnownColumns {
  const { header, query } = file;
  const outputs = lineage.outputs(file.statement.block);
  const names: string[] = [];
  const start = placeInQuery(query, 0);
  outputs.list.forEach((column, i) => {
    if (column === undefined) problems.add(start, `result column ${i + 1} has no name; write \`as name\``);
    else if (column.name === RUN_ID) problems.add(start, `${RUN_ID} is the engine's own column: name the columns you want instead of *`);
    else if (names.includes(column.name)) problems.add(start, `the SELECT gives two columns named ${column.name}`);
    if (column !== undefined) names.push(column.name);
  });
  const known = (entries: readonly Located[], key: string): void => {
    for (const { value, place } of entries) {
      if (outputs.complete && !names.includes(value)) problems.add(place, `${key} names ${value}, which is no output column${didYouMean(value, names)}`);
    }
  };
  known(header.columns.map(({ name, place }) => ({ value: name, place })), 'columns');
  for (const index of header.indexes) known(index, 'indexes');
  if (header.strategy?.value !== 'accumulate') known(header.uniqueKey, 'unique_key'); // accumulate.ts says it with the reason
  known(header.orderBy.map(({ value, place }) => ({ value: value.column, place })), 'order_by');
  known(header.mergeUpdateColumns ?? [], 'merge_update_columns');
  if (header.partitionBy !== undefined) known([{ value: header.partitionBy.value.column, place: header.partitionBy.place }], 'partition_by');
  if (header.distributedBy !== undefined) known([header.distributedBy], 'distributed_by');
  const declared = new Map(header.columns.map((column): [string, KnownColumn] => [column.name, typed(column.name, column.dataType)]));
  const fromSelect = outputs.list.flatMap((column) => (column === undefined ? [] : [declared.get(column.name) ?? typed(column.name, column.dataType)]));
  const onlyDeclared = outputs.complete ? [] : [...declared.values()].filter(({ name }) => !names.includes(name));
  return { columns: [...fromSelect, ...onlyDeclared], complete: outputs.complete };
}

function typed(name: string, dataType: string | undefined): KnownColumn {
  const canonical = dataType === undefined ? undefined : canonicalType(dataType);
  return canonical === undefined ? { name } : { name, dataType: canonical };
}

function behindOf(file: ModelFile, kind: RelationKind, inputs: ReadonlyMap<string, Input>): ReadonlySet<string> {
  if (kind !== 'view') return new Set<string>();
  return new Set(file.query.mentions.flatMap(({ relation }) => (inputs.get(relation)?.kind === 'view' ? [...inputs.get(relation)!.behind] : [relation])));
}

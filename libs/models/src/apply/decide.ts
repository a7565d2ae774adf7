import { addsColumnsOnly, compareModel, isSameEachTime, readsAddedColumns, type Dataset, type Model, type ModelChange } from '@ingot/datasets';
import { isSame, type AppliedCode, type AppliedModel } from '../applied-code.js';

/** What becomes of the rows of a model, as those that read it see it. */
export type Fate =
  | { readonly kind: 'same' }
  /** Columns come or go and nothing else: what does not read them need not follow. */
  | { readonly kind: 'columns'; readonly names: readonly string[] }
  | { readonly kind: 'changed' };

export interface Decision {
  readonly model: Model;
  readonly change: ModelChange;
  /** Its own code is another than the applied one. */
  readonly codeChanged: boolean;
  readonly before: AppliedModel | undefined;
  readonly fate: Fate;
  /** Its rows are computed anew beside the live ones; never for a view. */
  readonly rebuild: boolean;
  /** In place, without a rebuild: columns that only some rows will have. */
  readonly alterColumns: boolean;
  readonly because: readonly string[];
  readonly reason: string;
}

export interface Wishes {
  /** Models to be computed anew though nothing changed. */
  readonly rebuild: ReadonlySet<string>;
  /** Fill new columns for the rows of before, too. */
  readonly backfill: boolean;
  /** Models that put other rows aside since their columns have changed: what reads them has to follow after all. */
  readonly uneven?: ReadonlySet<string>;
}

/**
 * Which models are computed anew, and why: those whose code changed, those asked for, and every one that reads a
 * changed one, through views too. Not affected is who reads a model of which only columns come or go, and none of them:
 * unless its rows become others, by a lookup that was another then, or because rows fail in the columns (`uneven`).
 * What is read as a lookup is taken as of each run, so doing its rows again recomputes nothing; its new code does.
 * @returns in graph order
 */
export function decide(dataset: Dataset, applied: AppliedCode, wishes: Wishes): Decision[] {
  // A shadow that reads a new column needs it before anything is published, so that table gets a shadow too.
  const whole = new Set<string>();
  for (;;) {
    const decisions = new Map<string, Decision>();
    for (const model of dataset.models) decisions.set(model.relation, decideOne(model, dataset, applied, wishes, whole, decisions));
    const more = [...decisions.values()].filter(({ alterColumns, model }) => alterColumns && isReadByRebuilt(model, decisions));
    if (more.length === 0) return [...decisions.values()];
    for (const { model } of more) whole.add(model.relation);
  }
}

function isReadByRebuilt({ relation }: Model, decisions: ReadonlyMap<string, Decision>): boolean {
  const readers = new Set([relation]);
  for (const { model, rebuild } of decisions.values()) {
    if (!model.query.mentions.some((mention) => readers.has(mention.relation))) continue;
    if (rebuild) return true;
    if (model.materialized === 'view') readers.add(model.relation);
  }
  return false;
}

function decideOne(model: Model, dataset: Dataset, applied: AppliedCode, wishes: Wishes, whole: ReadonlySet<string>, decisions: ReadonlyMap<string, Decision>): Decision {
  const stored = applied[model.relation];
  const before = stored?.removed ? undefined : stored;
  const change = changeOf(model, before);
  const codeChanged = !isSame(model, before);
  const isView = model.materialized === 'view';
  const inputs = affectingInputs(model, decisions);
  const because = inputs.map(({ relation }) => relation);
  const base = { model, change, codeChanged, before, because };
  if (codeChanged) {
    const names = before === undefined || before.materialized !== model.materialized ? undefined : columnsOnly(before, model, change);
    const alterColumns = !isView && names !== undefined && inputs.length === 0 && !whole.has(model.relation) && altersInPlace(model, before!, wishes, dataset, names);
    const fate: Fate = names !== undefined && inputs.length === 0 && (alterColumns || keepsRows(model, wishes)) ? { kind: 'columns', names } : { kind: 'changed' };
    return { ...base, fate, rebuild: !isView && !alterColumns, alterColumns, reason: ownReason(change, stored, model) };
  }
  if (inputs.length > 0) return { ...base, fate: { kind: 'changed' }, rebuild: !isView, alterColumns: false, reason: inputs.map(({ why }) => why).join('; ') };
  if (wishes.rebuild.has(model.relation) && !isView) return { ...base, fate: { kind: 'changed' }, rebuild: true, alterColumns: false, reason: 'it is to be computed anew' };
  return { ...base, fate: { kind: 'same' }, rebuild: false, alterColumns: false, reason: untouchedReason(model, decisions) };
}

function changeOf(model: Model, before: AppliedModel | undefined): ModelChange {
  if (before !== undefined && before.text === undefined) return { kind: before.hash === model.codeHash ? 'none' : 'sql', headerKeys: [] };
  return compareModel(before?.text, model.query.fileText);
}

/**
 * Whether a rebuild that only has columns come or go gives the rows of before, as far as can be known before it is done.
 * That of a merge may not: among equals the last to arrive wins, and a line that was committed late arrives earlier in it.
 */
function keepsRows({ relation, lookups, materialized, strategy, query }: Model, { rebuild, uneven }: Wishes): boolean {
  if (lookups.length > 0 || rebuild.has(relation) || uneven?.has(relation) === true) return false;
  return materialized === 'view' || (strategy !== 'merge' && isSameEachTime(query));
}

/** Names of the columns that come, or that go, when the code changed in nothing else. */
function columnsOnly(before: AppliedModel, model: Model, { addedColumns }: ModelChange): readonly string[] | undefined {
  if (addedColumns !== undefined && addedColumns.length > 0) return addedColumns;
  const gone = before.text === undefined ? undefined : addsColumnsOnly(model.query.fileText, before.text);
  return gone !== undefined && gone.length > 0 ? gone : undefined;
}

/**
 * Whether rows of before may go without the new columns. An accumulated column would hold the sum of some rows and look
 * like that of all; a model that takes every column would have to follow.
 */
function altersInPlace(model: Model, before: AppliedModel, { backfill, rebuild }: Wishes, dataset: Dataset, names: readonly string[]): boolean {
  if (model.strategy === undefined || model.strategy === 'accumulate' || model.onSchemaChange === 'fail' || backfill || rebuild.has(model.relation)) return false;
  const isAdded = before.text !== undefined && addsColumnsOnly(before.text, model.query.fileText) !== undefined;
  if (!isAdded && model.onSchemaChange !== 'sync_all_columns') return false;
  return dataset.models.every((reader) => readsOf(reader, model.relation).length === 0 || readsAddedColumns(reader.query, model.relation, names) === undefined);
}

interface Cause {
  readonly relation: string;
  readonly why: string;
}

function affectingInputs(model: Model, decisions: ReadonlyMap<string, Decision>): Cause[] {
  const causes: Cause[] = [];
  for (const relation of new Set(model.query.mentions.map((mention) => mention.relation))) {
    const input = decisions.get(relation);
    if (input === undefined || input.fate.kind === 'same') continue;
    if (input.fate.kind === 'columns') {
      const why = readsAddedColumns(model.query, relation, input.fate.names);
      if (why !== undefined) causes.push({ relation, why: `it ${why}` });
      continue;
    }
    if (model.lookups.includes(relation) && !hasNewCode(input, decisions)) continue;
    causes.push({ relation, why: `it reads ${relation}, ${input.model.materialized === 'view' ? 'which changes' : 'which is rebuilt'}` });
  }
  return causes;
}

/** False when the rows of a model are only done again, by request, under the code they have. */
function hasNewCode(decision: Decision, decisions: ReadonlyMap<string, Decision>): boolean {
  return decision.codeChanged || decision.because.some((relation) => hasNewCode(decisions.get(relation)!, decisions));
}

function readsOf(model: Model, relation: string): readonly unknown[] {
  return model.query.mentions.filter((mention) => mention.relation === relation);
}

function ownReason(change: ModelChange, stored: AppliedModel | undefined, model: Model): string {
  if (stored?.removed) return 'its file is back';
  if (stored === undefined) return 'it is new';
  if (stored.materialized !== model.materialized) return `it was ${stored.materialized === 'view' ? 'a view' : `materialized as ${stored.materialized}`}`;
  if (change.kind === 'sql') return change.addedColumns !== undefined && change.addedColumns.length > 0 ? `its SELECT adds ${change.addedColumns.join(', ')}` : 'its SELECT has changed';
  return change.headerKeys.length > 0 ? `its header has changed: ${change.headerKeys.join(', ')}` : 'how its rows are kept has changed';
}

function untouchedReason(model: Model, decisions: ReadonlyMap<string, Decision>): string {
  for (const relation of new Set(model.query.mentions.map((mention) => mention.relation))) {
    const input = decisions.get(relation);
    if (input === undefined || input.fate.kind === 'same') continue;
    if (input.fate.kind === 'columns' && input.rebuild && putsRowsAside(input.model)) return `not affected, unless rows of ${relation} fail in the columns that change: it reads none of them`;
    if (input.fate.kind === 'columns') return `not affected: of ${relation} only columns change, and it reads none of them`;
    return `not affected: it takes ${relation} as of each run`;
  }
  return '';
}

/** Whether a row that fails leaves the table without it. */
function putsRowsAside({ strategy, onDataError, dataTests }: Model): boolean {
  return (strategy === 'append' || strategy === 'merge') && (onDataError !== 'fail' || dataTests.some(({ onFail }) => onFail === 'quarantine'));
}

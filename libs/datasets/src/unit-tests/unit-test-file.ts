import type { Dataset, Model } from '../dataset.js';
import type { KnownColumns } from '../lineage/lineage.js';
import { didYouMean } from '../nearest-name.js';
import type { Problems } from '../problem.js';
import { bareName } from '../relation-name.js';
import { Section, type Located } from '../section.js';
import { checkColumns, readRow, readRows, type RowColumns } from './rows.js';
import type { Expectation, Given, QuarantinedRow, UnitIncrement, UnitRow, UnitTest } from './unit-test.js';

/** What a file of unit tests is checked against. */
export interface Tested {
  readonly dataset: Dataset;
  readonly columns: ReadonlyMap<string, KnownColumns>;
  /** Relations about which nothing can be said, as their files, or those they read, have problems. */
  readonly unsure: ReadonlySet<string>;
}

/** How a unit test names the table of the model itself. */
const THIS = 'this';
const RUN_ID = '_run_id';
/** Of a bronze row; the engine counts the increments by it. */
const INGEST_XID = 'ingest_xid';
/** Keys of dbt's unit tests that have no meaning here, or none yet. */
const DBT_KEYS = ['overrides', 'config', 'meta', 'tags', 'versions', 'enabled'];

/** Reads one file of `unit/`. A test with problems is left out. */
export function readUnitTestFile(file: string, fileText: string, tested: Tested, problems: Problems): UnitTest[] {
  const section = Section.read({ file, fileText, yaml: fileText, offset: 0 }, problems);
  if (section === undefined) return [];
  const tests = section.sections('unit_tests').flatMap((test) => new UnitTestReader(file, fileText, tested, problems).read(test) ?? []);
  section.has('version'); // dbt's files begin with it
  if (!section.has('unit_tests')) problems.add(section.placeOf('unit_tests'), 'unit_tests is missing: a list of tests');
  section.finish();
  return tests;
}

class UnitTestReader {
  constructor(private readonly file: string, private readonly fileText: string, private readonly tested: Tested, private readonly problems: Problems) {}

  read(section: Section): UnitTest | undefined {
    const name = section.requiredText('name', 'what messages call the test');
    const description = section.text('description')?.value ?? '';
    const tests = this.modelOf(section);
    const increments = tests === undefined ? undefined : this.increments(section, tests);
    if (increments === undefined) for (const key of ['given', 'increments', 'expect']) section.has(key);
    section.finish(DBT_KEYS);
    if (name === undefined || tests === undefined || increments === undefined) return undefined;
    return { name: name.value, description, file: this.file, place: name.place, model: tests.relation, increments };
  }

  private modelOf(section: Section): Model | undefined {
    const named = section.requiredText('model', 'the relation under test, as in silver.stg_readings');
    if (named === undefined || this.tested.unsure.has(named.value)) return undefined;
    const { models } = this.tested.dataset;
    const model = models.find(({ relation }) => relation === named.value);
    const known = models.map(({ relation }) => relation);
    if (model === undefined) this.problems.add(named.place, `no model owns ${named.value}${meant(named.value, known)}`);
    return model;
  }

  private increments(section: Section, model: Model): UnitIncrement[] | undefined {
    const several = section.has('increments');
    if (several && section.has('given')) this.problems.add(section.placeOf('given'), 'a test has either `given` or `increments`, each with a `given` of its own');
    if (!several && !section.has('given')) this.problems.add(section.placeOf('given'), 'given is missing: the rows of the inputs; `given: []` when there are none');
    const increments = several ? section.sections('increments').map((entry, i) => this.increment(entry, model, i === 0)) : [{ given: this.givens(section, model, true) }];
    const final = this.expectation(section, model);
    const last = increments.at(-1);
    if (last === undefined) {
      this.problems.add(section.placeOf('increments'), 'increments is empty');
      return undefined;
    }
    if (final === undefined) {
      if (last.expect === undefined) this.problems.add(section.placeOf('expect'), 'expect is missing: the rows of the table after the last increment');
      return last.expect === undefined ? undefined : increments;
    }
    if (last.expect !== undefined) this.problems.add(final.place, 'the last increment has an `expect` of its own already');
    return [...increments.slice(0, -1), { ...last, expect: final }];
  }

  private increment(section: Section, model: Model, first: boolean): UnitIncrement {
    const given = this.givens(section, model, first);
    const expect = this.expectation(section, model);
    section.finish();
    return { given, ...(expect === undefined ? {} : { expect }) };
  }

  private givens(section: Section, model: Model, first: boolean): Given[] {
    const seen = new Set<string>();
    return section.sections('given').flatMap((entry) => {
      const given = this.given(entry, model, first);
      if (given === undefined) return [];
      if (seen.has(given.relation)) this.problems.add(given.place, `${given.relation} is given twice in one increment`);
      seen.add(given.relation);
      return [given];
    });
  }

  private given(section: Section, model: Model, first: boolean): Given | undefined {
    const input = section.requiredText('input', 'one of the relations that the model reads, or `this`');
    const relation = input === undefined ? undefined : this.inputOf(input, model, first);
    if (input === undefined || relation === undefined) {
      for (const key of ['rows', 'removed', 'format']) section.has(key);
      section.finish(['fixture']);
      return undefined;
    }
    const columns = this.columnsOf(relation);
    const rows = readRows(section, columns, this.fileText, this.problems);
    const removed = this.removed(section, relation, model, columns);
    if (!section.has('rows') && removed.length === 0) this.problems.add(section.placeOf('rows'), 'rows is missing');
    section.finish(['fixture']);
    if (this.isSource(relation)) for (const row of rows) if (!row.cells.has('line')) this.problems.add(row.place, `a row of ${relation} needs its line`);
    return { relation, rows, removed, place: input.place };
  }

  /** Only a table whose rows change can lose some; what an increment of a growing one brings stays. */
  private removed(section: Section, relation: string, model: Model, columns: RowColumns): UnitRow[] {
    const rows = section.sections('removed').map(readRow);
    for (const row of rows) {
      checkColumns(row, columns, this.problems);
      if (row.cells.size === 0) this.problems.add(row.place, 'removed names a row by some of its columns; this one names none');
    }
    const strategy = this.tested.dataset.models.find((candidate) => candidate.relation === relation)?.strategy;
    const changes = relation !== model.relation && model.incrementOn.includes(relation) && strategy !== undefined && strategy !== 'append';
    if (rows.length > 0 && !changes) this.problems.add(section.placeOf('removed'), `rows of ${relation} never go one by one; removed is for inputs that are read by increment and whose rows change`);
    return rows;
  }

  private inputOf({ value, place }: Located, model: Model, first: boolean): string | undefined {
    const inputs = [...new Set(model.query.mentions.map(({ relation }) => relation))];
    if (inputs.includes(value)) return value;
    if (value !== THIS) {
      const name = /^(?:ref|source)\(\s*(?:'[^']*'\s*,\s*)?'([^']*)'\s*\)$/.exec(value)?.[1] ?? value;
      const hint = meant(name, [...inputs, THIS]) || `; it reads ${inputs.join(', ') || 'nothing'}`;
      this.problems.add(place, `${model.relation} does not read ${value}${hint}`);
      return undefined;
    }
    if (model.materialized === 'view') this.problems.add(place, `${model.relation} is a view: it holds nothing before`);
    else if (!first) this.problems.add(place, '`this` is given before the first increment only');
    else return model.relation;
    return undefined;
  }

  private expectation(section: Section, model: Model): Expectation | undefined {
    const place = section.placeOf('expect');
    const entry = section.section('expect');
    if (entry === undefined) return undefined;
    if (!entry.has('rows')) this.problems.add(place, 'expect needs rows; `rows: []` for an empty table');
    const rows = readRows(entry, this.resultColumns(model), this.fileText, this.problems);
    const quarantined = entry.has('quarantined') ? this.quarantined(entry, model) : undefined;
    entry.finish(['fixture']);
    const columns = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))];
    return { columns, rows, place, ...(quarantined === undefined ? {} : { quarantined }) };
  }

  private quarantined(section: Section, model: Model): QuarantinedRow[] {
    const [input] = model.incrementOn;
    if (input === undefined || (model.strategy !== 'append' && model.strategy !== 'merge')) {
      this.problems.add(section.placeOf('quarantined'), `${model.relation} is not row-wise (append, merge): no row of it is put aside`);
      return [];
    }
    const rows = section.sections('quarantined').map((entry) => {
      const row = entry.section('row');
      const reasons = entry.has('reasons') ? entry.texts('reasons').map(({ value }) => value) : undefined;
      if (row === undefined) this.problems.add(entry.placeOf('row'), `row is missing: some columns of the row of ${input}`);
      entry.finish();
      const read = row === undefined ? { place: entry.placeOf('row'), cells: new Map() } : readRow(row);
      checkColumns(read, this.columnsOf(input), this.problems);
      return { ...read, ...(reasons === undefined ? {} : { reasons }) };
    });
    const without = rows.find(({ reasons }) => reasons === undefined);
    if (without !== undefined && rows.some(({ reasons }) => reasons !== undefined)) this.problems.add(without.place, 'quarantined says the reasons of every row or of none');
    return rows;
  }

  private columnsOf(relation: string): RowColumns {
    const known = this.tested.columns.get(relation) ?? { columns: [], complete: false };
    return { relation, ...known, own: [RUN_ID, ...(this.isSource(relation) ? [INGEST_XID] : [])] };
  }

  /** In the result, `_run_id` says which increment wrote the row. */
  private resultColumns(model: Model): RowColumns {
    const { columns, complete } = this.columnsOf(model.relation);
    return { relation: model.relation, columns: model.materialized === 'view' ? columns : [...columns, { name: RUN_ID }], complete, own: [] };
  }

  private isSource(relation: string): boolean {
    return this.tested.dataset.sources.some((source) => source.relation === relation);
  }
}

/** `; did you mean x?`: the relation of this name in another schema, else the nearest. */
function meant(name: string, relations: readonly string[]): string {
  const same = relations.find((relation) => bareName(relation) === bareName(name));
  return same === undefined ? didYouMean(name, relations) : `; did you mean ${same}?`;
}

import type { DataTest, DataTestKind } from '../dataset.js';
import { shortenedName } from '../identifier.js';
import { didYouMean } from '../nearest-name.js';
import type { Problems } from '../problem.js';
import type { Located, Section } from '../section.js';
import { OTHER_NAMES, READERS, ROW_RULES } from './test-kinds.js';
import { TestSettings } from './test-settings.js';
import { readCondition, readSeverity, readTestName, type WrittenCondition } from './test-terms.js';

/** A data test as written, with the names in it that must exist: check-data-tests.ts looks for them. */
export interface WrittenTest {
  readonly test: DataTest;
  readonly columns: readonly Located[];
  readonly target?: { readonly to: Located; readonly field: Located };
  readonly where?: WrittenCondition;
}

const KINDS = Object.keys(READERS) as DataTestKind[];

/**
 * Reads `data_tests` of a column or of a whole relation, in dbt's form: `- not_null`, `- in_range: { min: 0 }`.
 * @param relation what is tested, e.g. `silver.stg_readings`
 * @param column the column they stand under
 */
export function readDataTests(section: Section, relation: string, column: Located | undefined, problems: Problems): WrittenTest[] {
  return section.wordsWithSettings('data_tests').flatMap(({ name, settings }) => {
    const kind = KINDS.find((known) => known === name.value);
    if (kind === undefined) {
      const other = OTHER_NAMES.get(name.value);
      const hint = other === undefined ? didYouMean(name.value, KINDS) : `; write ${other}`;
      problems.add(name.place, `data_tests knows ${KINDS.join(', ')}, not ${name.value}${hint}`);
      return [];
    }
    return readTest(kind, new TestSettings(settings, name.place, problems), relation, column, problems);
  });
}

function readTest(kind: DataTestKind, settings: TestSettings, relation: string, column: Located | undefined, problems: Problems): WrittenTest[] {
  const written = READERS[kind](settings, column, problems);
  const name = readTestName(settings, problems);
  const severity = readSeverity(settings, ROW_RULES.has(kind), problems);
  const where = readCondition(settings, problems);
  settings.finish();
  if (written === undefined) return [];
  if (kind === 'row_count_change' && where !== undefined) problems.add(settings.placeOf('where'), 'row_count_change counts every row; it has no `where`');
  if ((kind === 'row_count_change' || kind === 'freshness') && (settings.has('error_above') || settings.has('warn_above'))) {
    problems.add(settings.place, `${kind} counts no rows that fail, so it has no threshold of rows`);
  }
  if (kind === 'freshness' && severity.onFail === 'warn' && settings.has('error_after')) {
    problems.add(settings.placeOf('error_after'), 'a test that only warns has no error_after; remove it, or say `severity: error`');
  }
  const { look, columns, target } = written;
  const test: DataTest = {
    name: name?.value ?? shortenedName([kind, relation.replace('.', '_'), ...columns.map(({ value }) => value)].join('_')),
    relation,
    place: settings.place,
    ...severity,
    ...(where === undefined ? {} : { where: where.text }),
    ...look,
  };
  // That the column a test stands under exists is checked once, where the header names it.
  return [{ test, columns: column === undefined ? columns : [], ...(target === undefined ? {} : { target }), ...(where === undefined ? {} : { where }) }];
}

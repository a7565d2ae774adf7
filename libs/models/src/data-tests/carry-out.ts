import { withRelations, type DataTest, type Place } from '@ingot/datasets';
import { isConnectionError, sqlState } from '@ingot/postgres';
import { bigintLiteral, columnName, relationName, RUN_ID } from '../sql-names.js';
import { characters, placeOfError, serverError } from '../sql-error.js';
import { counted, failingRows, isSelectable } from './failing-rows.js';
import type { RowsOf } from './published-rows.js';
import { isQueryTest, outcomeOf, placeOfTest, type AnyTest, type TestResult, type TestScope } from './test-result.js';

/** Sends a query; an error is the server's. `incrementOnly` as in Statement. */
export type Ask = (text: string, incrementOnly: boolean) => Promise<readonly Record<string, unknown>[]>;

export interface TestTerms {
  /** Looks only at rows that this run wrote; undefined = at the whole table. */
  readonly runId?: bigint;
  /** True when rows of a run are found by an index. */
  readonly byIndex?: boolean;
  /** Rows of the relation before the run, for `row_count_change`; it is not carried out without. */
  readonly rowsBefore?: number;
  /** For a SELECT of tests/; without it reads every relation as it is. */
  readonly rowsOf?: RowsOf;
}

/** A test that the server refused. `cause` is its error. */
export class TestError extends Error {
  override readonly name = 'TestError';

  constructor(
    readonly test: AnyTest,
    readonly place: Place,
    readonly reason: string,
    readonly sqlState: string | undefined,
    cause: unknown,
  ) {
    super(reason, { cause });
  }
}

/**
 * Carries out one data test by query.
 * @throws TestError when the server refuses it; the error of the connection
 */
export async function carryOut(ask: Ask, test: AnyTest, terms: TestTerms = {}): Promise<TestResult> {
  const started = performance.now();
  const scope: TestScope = terms.runId === undefined ? 'whole table' : 'rows of the run';
  const found = await findFailures(ask, test, terms);
  return {
    test: test.name,
    ...(isQueryTest(test) ? {} : { relation: test.relation }),
    place: placeOfTest(test),
    scope,
    outcome: outcomeOf(test, found.failures),
    ...found,
    durationMs: performance.now() - started,
  };
}

type Found = Pick<TestResult, 'failures' | 'samples'> & { readonly message?: string; readonly outcome?: TestResult['outcome'] };

async function findFailures(ask: Ask, test: AnyTest, terms: TestTerms): Promise<Found> {
  if (!isQueryTest(test)) {
    if (test.kind === 'freshness') return testFreshness(ask, test, terms);
    if (test.kind === 'row_count_change') return testRowCount(ask, test, terms.rowsBefore);
  }
  const { before, after } = counted();
  const rendered = isQueryTest(test) ? withRelations(test.query, ({ relation }) => terms.rowsOf?.(relation)) : undefined;
  const select = rendered?.text ?? (!isQueryTest(test) && isSelectable(test) ? failingRows(test, terms.runId) : '');
  try {
    const [row] = await ask(before + select + after, terms.byIndex ?? false);
    return { failures: Number(row?.failures ?? 0), samples: row?.samples as unknown[] };
  } catch (error) {
    throw refused(test, error, (cause) => (rendered === undefined ? placeOfTest(test) : placeOfError(cause, rendered, characters(before))));
  }
}

function refused(test: AnyTest, error: unknown, place: (error: unknown) => Place): unknown {
  if (isConnectionError(error)) return error;
  return new TestError(test, place(error), serverError(error).message ?? String(error), sqlState(error), error);
}

/** A table without any value is not old: there is nothing yet. */
async function testFreshness(ask: Ask, test: Extract<DataTest, { kind: 'freshness' }>, { runId, byIndex }: TestTerms): Promise<Found> {
  const column = columnName(test.column);
  const conditions = [...(runId === undefined ? [] : [`${columnName(RUN_ID)} = ${bigintLiteral(runId)}`]), ...(test.where === undefined ? [] : [`(\n${test.where}\n)`])];
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
  try {
    const [row] = await ask(`select newest::text as newest, (extract(epoch from clock_timestamp() - newest) * 1000)::float8 as age from (select max(${column}) as newest from ${relationName(test.relation)}${where}) as f`, byIndex ?? false);
    return judgeAge(test, row?.age as number | null, row?.newest as string | null);
  } catch (error) {
    throw refused(test, error, () => test.place);
  }
}

/** How fresh something is whose newest value is so old. */
export function judgeAge(limits: { readonly onFail: DataTest['onFail']; readonly warnAfterMs?: number; readonly errorAfterMs?: number }, ageMs: number | null, newest: string | null): Found & { outcome: TestResult['outcome'] } {
  if (ageMs === null) return { failures: 0, samples: [], outcome: 'passed' };
  const { warnAfterMs = Infinity, errorAfterMs = Infinity, onFail } = limits;
  const isOver = ageMs > Math.min(warnAfterMs, errorAfterMs);
  const outcome = !isOver ? 'passed' : ageMs > errorAfterMs && onFail !== 'warn' ? 'failed' : 'warned';
  const limit = ageMs > errorAfterMs ? errorAfterMs : warnAfterMs;
  return { failures: isOver ? 1 : 0, samples: [], outcome, ...(isOver ? { message: `the newest value is ${newest}, ${duration(ageMs)} old; ${duration(limit)} are allowed` } : {}) };
}

async function testRowCount(ask: Ask, test: Extract<DataTest, { kind: 'row_count_change' }>, before: number | undefined): Promise<Found> {
  if (before === undefined || before === 0) return { failures: 0, samples: [] }; // the first rows are no change
  try {
    const where = test.where === undefined ? '' : ` where (\n${test.where}\n)`;
    const [row] = await ask(`select count(*)::int8 as n from ${relationName(test.relation)}${where}`, false);
    const now = Number(row?.n);
    const change = (now - before) / before;
    const isOver = change > (test.maxIncrease ?? Infinity) || -change > (test.maxDecrease ?? Infinity);
    const percent = `${change > 0 ? '+' : ''}${(change * 100).toFixed(1)} %`;
    return { failures: isOver ? 1 : 0, samples: [], ...(isOver ? { message: `${before.toLocaleString('en-US')} rows became ${now.toLocaleString('en-US')} (${percent})` } : {}) };
  } catch (error) {
    throw refused(test, error, () => test.place);
  }
}

function duration(ms: number): string {
  const [amount, unit] = ms < 60_000 ? [ms / 1_000, 's'] : ms < 3_600_000 ? [ms / 60_000, 'min'] : ms < 86_400_000 ? [ms / 3_600_000, 'h'] : [ms / 86_400_000, 'd'];
  return `${amount.toFixed(amount < 10 ? 1 : 0).replace(/\.0$/, '')} ${unit}`;
}

import { rowsUpToRun, type Increment } from '../increment.js';
import type { Step } from '../step.js';
import { relationName } from '../sql-names.js';
import { carryOut, TestError, type Ask, type TestTerms } from './carry-out.js';
import { isOf, type PlannedTest } from './planned-tests.js';
import { refusedTest, testFailure } from './test-failure.js';
import { isQueryTest, type TestResult } from './test-result.js';

export interface RunTestsTerms {
  readonly tests: readonly PlannedTest[];
  readonly runId: bigint;
  /** What the sources and the steps done so far have brought. */
  readonly increments: ReadonlyMap<string, Increment>;
  readonly ask: Ask;
}

/**
 * The data tests of one run, inside its transaction. A test is carried out when something it looks at has changed in
 * this run; one of `freshness` always, as time passes.
 */
export class RunTests {
  readonly results: TestResult[] = [];
  private readonly rowsBefore = new Map<string, number>();

  constructor(private readonly terms: RunTestsTerms) {}

  /** Before a step: counts rows for `row_count_change`. */
  async before({ model }: Step): Promise<void> {
    const isIdle = model.incrementOn.length > 0 && model.incrementOn.every((relation) => this.terms.increments.get(relation)?.rows === 0);
    for (const { test } of this.terms.tests) {
      if (isIdle || isQueryTest(test) || test.kind !== 'row_count_change' || test.relation !== model.relation) continue;
      const where = test.where === undefined ? '' : ` where (\n${test.where}\n)`;
      const [row] = await this.terms.ask(`select count(*)::int8 as n from ${relationName(model.relation)}${where}`, false);
      this.rowsBefore.set(test.name, Number(row?.n));
    }
  }

  /**
   * After a step: the tests that look at its model alone.
   * @throws RunFailure when one of severity error fails
   */
  async after({ model }: Step): Promise<void> {
    if (!this.hasChanged(model.relation)) return;
    await this.carryOutAll(this.terms.tests.filter((planned) => planned.by === 'query' && planned.when === 'after its model' && isOf(planned, model.relation)));
  }

  /**
   * When all steps are done: tests of views, of `tests/`, and those that look at several tables or at the clock.
   * @throws RunFailure when one of severity error fails
   */
  async finish(): Promise<void> {
    const due = this.terms.tests.filter(({ test, by, when, reads }) => {
      if (by !== 'query' || when !== 'at the end') return false;
      return (!isQueryTest(test) && test.kind === 'freshness') || [...reads].some((relation) => this.hasChanged(relation));
    });
    await this.carryOutAll(due);
  }

  private async carryOutAll(planned: readonly PlannedTest[]): Promise<void> {
    const results: TestResult[] = [];
    for (const one of planned) results.push(await this.carryOutOne(one));
    this.results.push(...results);
    const failed = results.findIndex(({ outcome }) => outcome === 'failed');
    const test = planned[failed]?.test;
    const failure = test && testFailure(isQueryTest(test) ? test.name : test.relation, planned.map((one) => one.test), results);
    if (failure !== undefined) throw failure;
  }

  private async carryOutOne(planned: PlannedTest): Promise<TestResult> {
    const { test } = planned;
    try {
      const terms = this.termsOf(planned);
      const result = await carryOut(this.terms.ask, test, terms);
      // Rows of this run may all be old, and others not.
      const isDoubtful = terms.runId !== undefined && !isQueryTest(test) && test.kind === 'freshness' && (result.outcome !== 'passed' || !this.hasChanged(test.relation));
      return isDoubtful ? await carryOut(this.terms.ask, test) : result;
    } catch (error) {
      throw error instanceof TestError ? refusedTest(error) : error;
    }
  }

  private termsOf(planned: PlannedTest): TestTerms {
    const { test, scope } = planned;
    if (isQueryTest(test)) return { rowsOf: (relation) => rowsUpToRun(this.terms.increments, relation) };
    const rowsBefore = this.rowsBefore.get(test.name);
    const before = rowsBefore === undefined ? {} : { rowsBefore };
    if (scope === 'whole table' || this.parentChanged(planned)) return before;
    // Left free, the planner reads a table of 500,000 rows that nobody has analysed whole: 58 ms instead of 2 (PostgreSQL 18).
    return { runId: this.terms.runId, byIndex: true, ...before };
  }

  /** A row that has lost its parent is none of this run's. */
  private parentChanged({ test, reads }: PlannedTest): boolean {
    if (isQueryTest(test) || test.kind !== 'relationships') return false;
    return [...reads].some((relation) => relation !== test.relation && this.hasChanged(relation));
  }

  private hasChanged(relation: string): boolean {
    return (this.terms.increments.get(relation)?.rows ?? 0) > 0;
  }
}

import type { Dataset } from '@ingot/datasets';
import { isRowRule } from '../strategies/row-wise/row-rules.js';
import { gatesOf, isKeptByKey } from './gates.js';
import { isQueryTest, type AnyTest, type TestScope } from './test-result.js';

/** How a run carries out one data test. */
export interface PlannedTest {
  readonly test: AnyTest;
  /** `constraint`: PostgreSQL checks each row as it is written. `diverted`: guilty rows go to quarantine before. */
  readonly by: 'constraint' | 'diverted' | 'query';
  /**
   * `whole table` costs more the longer the history is; each run records how long it took. Rows of a run are looked at
   * where that is exact and an index finds them.
   */
  readonly scope: TestScope;
  /** After the step of its model, or when all steps are done. */
  readonly when: 'after its model' | 'at the end';
  /** Tables and bronze tables whose change makes a run carry it out; views expanded. */
  readonly reads: ReadonlySet<string>;
}

/** The data tests of a dataset's models and of `tests/`, as its runs carry them out. Those of seeds are part of apply. */
export function planTests(dataset: Dataset): PlannedTest[] {
  const planned: PlannedTest[] = [];
  for (const model of dataset.models) {
    const gates = new Set(gatesOf(model).map(({ test }) => test));
    const isView = model.materialized === 'view';
    for (const test of model.dataTests) {
      const by = gates.has(test) || isKeptByKey(model, test) ? 'constraint' : test.onFail === 'quarantine' ? 'diverted' : 'query';
      const isPerRow = isRowRule(test) || test.kind === 'relationships' || test.kind === 'freshness';
      const scope = by !== 'query' || (model.strategy === 'append' && isPerRow) ? 'rows of the run' : 'whole table';
      const isOfModelAlone = !isView && test.kind !== 'relationships' && test.kind !== 'freshness';
      const others = test.kind === 'relationships' && mayLoseRows(dataset, test.to) ? [test.to] : [];
      planned.push({ test, by, scope, when: isOfModelAlone ? 'after its model' : 'at the end', reads: tablesBehind(dataset, [model.relation, ...others]) });
    }
  }
  for (const test of dataset.dataTests) {
    planned.push({ test, by: 'query', scope: 'whole table', when: 'at the end', reads: tablesBehind(dataset, test.query.mentions.map(({ relation }) => relation)) });
  }
  return planned;
}

/** Whether rows of a relation may go or change, so that a row that referred to one may come to refer to none. */
function mayLoseRows(dataset: Dataset, relation: string): boolean {
  return dataset.models.some((model) => model.relation === relation && model.strategy !== 'append');
}

function tablesBehind(dataset: Dataset, relations: readonly string[]): Set<string> {
  const tables = new Set<string>();
  const visited = new Set<string>();
  const visit = (relation: string): void => {
    if (visited.has(relation)) return;
    visited.add(relation);
    const model = dataset.models.find((candidate) => candidate.relation === relation);
    if (model?.materialized !== 'view') tables.add(relation);
    else for (const mention of model.query.mentions) visit(mention.relation);
  };
  for (const relation of relations) visit(relation);
  return tables;
}

/** What is said of a planned test beside its name. */
export function isOf(planned: PlannedTest, relation: string): boolean {
  return !isQueryTest(planned.test) && planned.test.relation === relation;
}

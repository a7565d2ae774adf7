import type { StepRecord } from '../run-ledger.js';
import type { PlanAction } from './apply-plan.js';
import type { Decision } from './decide.js';
import type { Look } from './look.js';
import type { ShadowWork } from './shadow-mark.js';

/** What apply does to a model. */
export function actionOf({ model, change, codeChanged, before, rebuild, alterColumns }: Decision, { remake, hasRun }: Pick<Look, 'remake' | 'hasRun'>): PlanAction {
  if (remake || (before === undefined && codeChanged)) return 'create';
  if (rebuild && hasRun) return 'rebuild';
  if (model.materialized === 'view' && codeChanged) return 'replace view';
  if (alterColumns || change.kind === 'header' || change.kind === 'description') return 'alter';
  return change.kind === 'none' ? 'nothing' : 'adopt';
}

/**
 * A publication's steps for the run ledger: one for each model it has done something to, in graph order.
 * @param done by relation: what was done to fill its shadow
 */
export function publishedSteps(looked: Look, done: ReadonlyMap<string, ShadowWork>): StepRecord[] {
  return looked.decisions.flatMap((decision): StepRecord[] => {
    const { relation, strategy } = decision.model;
    const action = actionOf(decision, looked);
    if (action === 'nothing' || action === 'adopt') return [];
    const work = done.get(relation);
    const record = { model: relation, strategy: action, rowsWritten: work?.rowsWritten ?? 0, rowsDeleted: 0, durationMs: work?.durationMs ?? 0 };
    if (work === undefined || (strategy !== 'append' && strategy !== 'merge')) return [record];
    const { rowsOut: out, quarantined, filtered } = work;
    return [{ ...record, ledger: { in: out + quarantined + filtered, out, quarantined, filtered, replayed: 0 } }];
  });
}

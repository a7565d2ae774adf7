import type { Step } from '../step.js';
import { columnList, relationName } from '../sql-names.js';
import { isolate } from '../strategies/row-wise/isolate.js';
import { ENTRY, isGuilty, MESSAGE, NUMBER, REASONS, SQLSTATE } from '../strategies/row-wise/row-columns.js';
import { isDataError } from '../strategies/row-wise/row-faults.js';
import type { RowWise } from '../strategies/row-wise/row-wise-plan.js';
import type { StepContext } from '../strategies/step-context.js';

/**
 * Puts the rows of the entries that this run replays into the step's table of input rows, in the order in which they
 * were diverted. An entry whose row no longer fits the columns of the input stays, with what the server says about it.
 * @returns how many rows were put there
 */
export async function fillFromQuarantine(step: Step, context: StepContext, { input, inputColumns, inputTable }: RowWise): Promise<number> {
  const ids = context.replays.get(step.model.relation) ?? [];
  let filled = 0;
  const attempt = async ({ from, to }: { from: number; to: number }): Promise<Error | undefined> => {
    try {
      const { rowCount } = await context.attempt(() =>
        context.execute(step, {
          text: `insert into ${inputTable} (${columnList(inputColumns)}, ${NUMBER}, ${ENTRY})
                 select ${columnList(inputColumns, 'r')}, ${filled} + row_number() over (order by e.id), e.id
                 from ${context.quarantine} as e cross join lateral jsonb_populate_record(null::${relationName(input)}, e.input_row) as r where e.id = any($1)`,
          values: [ids.slice(from, to + 1)],
          incrementOnly: false,
        }),
      );
      filled += rowCount;
      return undefined;
    } catch (error) {
      if (!isDataError(step, error)) throw error;
      return error;
    }
  };
  await isolate({ from: 0, to: ids.length - 1 }, attempt, async (row, fault) => {
    const { sqlState, reason } = fault as { sqlState?: string; reason?: string };
    await context.execute(step, {
      text: `update ${context.quarantine} set replay = false, attempts = attempts + 1, at = now(), run_id = $2, code_hash = $3, reasons = '{}', sqlstate = $4, message = $5 where id = $1`,
      values: [ids[row], context.runId.toString(), step.model.codeHash, sqlState, `the row kept here does not fit ${input} any more: ${reason ?? fault.message}`],
      incrementOnly: false,
    });
  });
  return filled;
}

/**
 * Settles what a row-wise step has found, in the step's transaction: guilty new rows become entries, guilty replayed
 * rows stay with their new reasons, and the entries of replayed rows that passed are deleted.
 */
export async function divert(step: Step, context: StepContext, { input, inputColumns, inputTable, isBronze }: RowWise): Promise<void> {
  const send = (text: string, values: unknown[] = []): Promise<unknown> => context.execute(step, { text, values, incrementOnly: false });
  const { runId, quarantine } = context;
  const code = [runId.toString(), step.model.codeHash];
  await send(
    `insert into ${quarantine} (dataset, model, input, input_row, input_id, input_xid, reasons, sqlstate, message, run_id, code_hash)
     select $1, $2, $3, to_jsonb(r), ${isBronze ? 'r.id, r.ingest_xid' : 'null, null'}, coalesce(${REASONS}, '{}'), ${SQLSTATE}, ${MESSAGE}, $4, $5
     from ${inputTable} as i cross join lateral (select ${columnList(inputColumns, 'i')}) as r
     where ${ENTRY} is null and ${isGuilty('i')} order by ${NUMBER}`,
    [context.dataset, step.model.relation, input, ...code],
  );
  if ((context.replays.get(step.model.relation) ?? []).length === 0) return;
  await send(
    `update ${quarantine} as e set reasons = coalesce(i.${REASONS}, '{}'), sqlstate = i.${SQLSTATE}, message = i.${MESSAGE}, run_id = $1, code_hash = $2, at = now(), attempts = attempts + 1, replay = false
     from ${inputTable} as i where i.${ENTRY} = e.id and ${isGuilty('i')}`,
    code,
  );
  await send(`delete from ${quarantine} as e using ${inputTable} as i where i.${ENTRY} = e.id and not ${isGuilty('i')}`);
}

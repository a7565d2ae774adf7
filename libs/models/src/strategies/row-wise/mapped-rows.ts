import { withRelations } from '@ingot/datasets';
import pg from 'pg';
import { divert, fillFromQuarantine } from '../../quarantine/divert.js';
import type { Step } from '../../step.js';
import { incrementRows, rowsUpToRun } from '../../increment.js';
import { bareName, columnList, columnName, relationName } from '../../sql-names.js';
import { growingInput } from '../staged-increment.js';
import type { RowLedger, StepContext, StepRows } from '../step-context.js';
import { wrapQuery } from '../wrapped-query.js';
import { isolate, type RowRange } from './isolate.js';
import { ENTRY, isGuilty, MESSAGE, NUMBER, REASONS, SQLSTATE } from './row-columns.js';
import { givenUp, isDataError, tooMany } from './row-faults.js';
import { violates, type RowRule } from './row-rules.js';
import type { RowWise } from './row-wise-plan.js';

const SOURCE = columnName('ingot:input');
const LONGEST_MESSAGE = 1_000;
const NOBODY: RowRange = { from: 1, to: 0 };

/** Writes some output rows to the model's table, and returns how many rows it wrote. */
export type WriteRows = (rows: string) => Promise<number>;

/**
 * Executes a row-wise step so that each output row is known by its input row: the increment, with the entries that are
 * replayed before it, goes into a table of the session with a number each; the SELECT is then applied to each row by a
 * lateral join, which PostgreSQL plans like the SELECT over the whole. Rows that break a rule, or that make the SQL
 * itself fail, are diverted. All of an input row's output is written, or none of it.
 *
 * 100,000 lines of sql/sensor's stg_readings: 1.6 x a plain INSERT ... SELECT (PostgreSQL 15 and 18), so append takes
 * this way only when something is guilty, replayed, or not to be counted otherwise.
 * @param write is given output rows as a sub-select with the model's columns and NUMBER
 */
export async function executeMapped(step: Step, context: StepContext, rowWise: RowWise, write: WriteRows): Promise<StepRows> {
  const mapped = new MappedRows(step, context, rowWise);
  await mapped.fill();
  await mapped.each((range) => mapped.compute(range));
  await mapped.judge();
  let written = 0;
  await mapped.each(async (range) => {
    const rows = await write(mapped.outputRows(range));
    return () => (written += rows);
  });
  await mapped.markFaults();
  if (mapped.isToSettle) await divert(step, context, rowWise);
  return { written, deleted: 0, ledger: await mapped.ledger() };
}

class MappedRows {
  private count = 0;
  private replayed = 0;
  /** Rows that fail alone, and what the SQL says about each. */
  private readonly faults = new Map<number, { state: string; message: string }>();
  private firstFault: Error | undefined;
  private guilty = 0;
  private analysed = false;

  constructor(
    private readonly step: Step,
    private readonly context: StepContext,
    private readonly rowWise: RowWise,
  ) {}

  /** Whether the quarantine gets rows, or rows of it were replayed. */
  get isToSettle(): boolean {
    return this.guilty > 0 || this.faults.size > 0 || this.replayed > 0;
  }

  async fill(): Promise<void> {
    const { inputTable, inputColumns, outputTable } = this.rowWise;
    const { model, columns } = this.step;
    const [input, output] = [inputTable, outputTable].map((name) => name.slice('pg_temp.'.length));
    // One message. The tables are not empty when one transaction executes a step several times, as unit tests do.
    await this.run(`
      create temporary table if not exists ${input} on commit delete rows as
        select ${columnList(inputColumns)}, 0::bigint as ${NUMBER}, 0::bigint as ${ENTRY}, '{}'::text[] as ${REASONS}, ''::text as ${SQLSTATE}, ''::text as ${MESSAGE} from ${relationName(this.rowWise.input)} with no data;
      create index if not exists ${columnName(`${bareName(inputTable).slice(1, -1)}_number`)} on ${inputTable} (${NUMBER});
      create temporary table if not exists ${output} on commit delete rows as
        select 0::bigint as ${NUMBER}, '{}'::text[] as ${REASONS}, ${columnList(columns)} from ${relationName(model.relation)} with no data;
      delete from ${inputTable};
      delete from ${outputTable}`);
    this.count = this.replayed = await fillFromQuarantine(this.step, this.context, this.rowWise);
    const increment = growingInput(this.step, this.context);
    const order = this.rowWise.isBronze ? 'order by id' : '';
    if (increment.rows > 0) {
      this.count += await this.run(
        `insert into ${inputTable} (${columnList(inputColumns)}, ${NUMBER}) select ${columnList(inputColumns)}, ${this.count} + row_number() over (${order}) from ${incrementRows(increment)} as input`,
        true,
      );
    }
  }

  /** Applies the SELECT to some of the rows. */
  async compute(range: RowRange | undefined): Promise<void> {
    const { inputTable, outputTable, inputColumns, rules } = this.rowWise;
    const { model, columns } = this.step;
    const one = `(select ${inputColumns.map((column) => `${SOURCE}.${columnName(column)}`).join(', ')})`;
    const rendered = withRelations(model.query, ({ relation }) => (relation === this.rowWise.input ? one : rowsUpToRun(this.context.increments, relation)));
    // All rows, too, come with a LIMIT: it is what the planner knows of their number.
    const rows = range === undefined ? `(select * from ${inputTable} limit ${this.count})` : `(select * from ${inputTable} where ${within(range)})`;
    const statement = wrapQuery(
      `insert into ${outputTable} (${NUMBER}, ${REASONS}, ${columnList(columns)})\nselect ${NUMBER}, ${reasonsOf(rules)}, ${columnList(columns)} from (\nselect ${SOURCE}.${NUMBER}, ${columnList(columns, 'q')} from ${rows} as ${SOURCE} cross join lateral (\n`,
      rendered,
      `\n) as q${rules.length === 0 ? '' : ' offset 0'}\n) as ${columnName(bareName(model.relation))}`,
    );
    await this.context.execute(this.step, { ...statement, incrementOnly: false });
  }

  /** Marks the input rows of which an output row breaks a rule. */
  async judge(): Promise<void> {
    const { inputTable, outputTable, rules } = this.rowWise;
    if (rules.length === 0) return;
    this.guilty += await this.run(
      `update ${inputTable} as i set ${REASONS} = broken.reasons
       from (select ${NUMBER} as number, array_agg(distinct reason) as reasons from ${outputTable}, unnest(${REASONS}) as reason group by 1) as broken
       where broken.number = i.${NUMBER}`,
    );
  }

  /** The output of rows that nothing has been found against. */
  outputRows(range: RowRange | undefined): string {
    const { inputTable, outputTable } = this.rowWise;
    const conditions = [
      ...(range === undefined ? [] : [within(range)]),
      ...(this.guilty === 0 ? [] : [`${NUMBER} not in (select ${NUMBER} from ${inputTable} where ${isGuilty('')})`]),
    ];
    const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
    return `(select ${columnList(this.step.columns)}, ${NUMBER} from ${outputTable}${where})`;
  }

  /**
   * Does something with all rows, and when their data makes it fail, with all but the guilty ones. A statement that
   * fails without rows too is at fault itself: its error is thrown.
   * @param work returns what to do when its part is done, if anything
   */
  async each(work: (range: RowRange | undefined) => Promise<(() => unknown) | void>): Promise<void> {
    const attempt = async (range: RowRange | undefined): Promise<Error | undefined> => {
      try {
        (await this.context.attempt(() => work(range)))?.();
        return undefined;
      } catch (error) {
        if (this.step.model.onDataError === 'fail' || !isDataError(this.step, error)) throw error;
        return error;
      }
    };
    const fault = await attempt(undefined);
    if (fault === undefined) return;
    if ((await attempt(NOBODY)) !== undefined) throw fault;
    if (!this.analysed) await this.run(`analyze ${this.rowWise.inputTable}`); // halves of an unknown table would be read by reading all of it
    this.analysed = true;
    await isolate({ from: 1, to: this.count }, attempt, (row, error) => this.convict(row, error), true);
  }

  /** Marks the input rows that fail alone. */
  async markFaults(): Promise<void> {
    if (this.faults.size === 0) return;
    const faults = [...this.faults.values()];
    await this.context.execute(this.step, {
      text: `update ${this.rowWise.inputTable} as i set ${SQLSTATE} = f.state, ${MESSAGE} = f.message from unnest($1::bigint[], $2::text[], $3::text[]) as f (number, state, message) where f.number = i.${NUMBER}`,
      values: [[...this.faults.keys()], faults.map(({ state }) => state), faults.map(({ message }) => message)],
      incrementOnly: false,
    });
  }

  async ledger(): Promise<RowLedger> {
    const { inputTable, outputTable } = this.rowWise;
    const { rows } = await this.context.execute(this.step, {
      text: `select count(*) filter (where ${isGuilty('i')})::int as quarantined, count(*) filter (where o.${NUMBER} is not null and not ${isGuilty('i')})::int as out, count(${ENTRY})::int as replayed
             from ${inputTable} as i left join (select distinct ${NUMBER} from ${outputTable}) as o using (${NUMBER})`,
      incrementOnly: false,
    });
    const { quarantined, out, replayed } = rows[0] as { quarantined: number; out: number; replayed: number };
    return { in: this.count, out, quarantined, filtered: this.count - out - quarantined, replayed };
  }

  private convict(row: number, fault: Error): void {
    this.firstFault ??= fault;
    const { reason, sqlState } = fault as { reason?: string; sqlState?: string };
    this.faults.set(row, { state: sqlState ?? '', message: (reason ?? fault.message).slice(0, LONGEST_MESSAGE) });
    if (tooMany(this.faults.size, this.count)) throw givenUp(this.firstFault, this.faults.size, this.count);
  }

  private async run(text: string, incrementOnly = false): Promise<number> {
    return (await this.context.execute(this.step, { text, incrementOnly })).rowCount;
  }
}

function within({ from, to }: RowRange): string {
  return `${NUMBER} between ${from} and ${to}`;
}

function reasonsOf(rules: readonly RowRule[]): string {
  if (rules.length === 0) return `'{}'::text[]`;
  return `array_remove(array[${rules.map((rule) => `case when ${violates(rule)} then ${pg.escapeLiteral(rule.name)} end`).join(', ')}], null)`;
}

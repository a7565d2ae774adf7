import { isConnectionError, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { appendedRows, endOfRows } from './appended-rows.js';
import { gated } from './data-tests/gated-step.js';
import type { Increment } from './increment.js';
import type { Step } from './step.js';
import { failureOf } from './run-failure.js';
import { withFloor, type Floors } from './retention/floors.js';
import type { StepRecord } from './run-ledger.js';
import { bigintLiteral, relationName } from './sql-names.js';
import { accumulate } from './strategies/accumulate.js';
import { append } from './strategies/append.js';
import { deleteInsert } from './strategies/delete-insert.js';
import { merge } from './strategies/merge.js';
import { table } from './strategies/table.js';
import type { Statement, StatementResult, StepContext, StepRows } from './strategies/step-context.js';
import type { TableRefreshes } from './tables/table-refreshes.js';
import { unseenRows, type DatasetState, type Snapshot } from './watermark.js';

/**
 * For a statement that reads an increment: by its index, and grouped by hash. What is new has not been analysed: the planner
 * takes all its keys for different and sorts, 0.41 instead of 0.31 s for the sums of 300,000 readings (PostgreSQL 18).
 */
const INCREMENT_PLANS = 'set local enable_seqscan = off; set local enable_sort = off';
/** As an execution finds it, and may not leave it. */
export const FREE_PLANS = 'set local enable_seqscan = on; set local enable_sort = on';

/** What one execution is: a run, or a chunk of a rebuild. */
export interface ExecutionTerms {
  readonly dataset: string;
  /** Goes into `_run_id`. */
  readonly runId: bigint;
  /** `schema.name` of the table that takes diverted rows; it is like ingot.quarantine. */
  readonly quarantine?: string;
  /** By model: ids of ingot.quarantine that are taken in again. A shadow takes none. */
  readonly replays?: ReadonlyMap<string, readonly string[]>;
  /** What retention has dropped; a shadow knows of nothing: it is made of all there is. */
  readonly floors?: Floors;
  /** Tells which tables are computed; without it all are. */
  readonly refreshes?: TableRefreshes;
}

/**
 * The loop over a plan's steps inside one transaction. Whoever drives it sets the increments of the inputs first, e.g.
 *
 *     const execution = new Execution(client, { dataset: 'sensor', runId: -4611686018427387903n, quarantine: 'ingot.shadow_quarantine' });
 *     execution.increments.set('bronze.raw', { kind: 'growing', relation: 'bronze.raw', where: "ingest_xid < '99'::bigint", rows: 500 });
 *     await execution.step(step); // returns rows, ledger and duration
 *
 * `where` is a condition on the columns of the input, `rows` exactly how many rows it gives: none, and the step is not
 * executed. The session needs prepareSession with the plan the step is of.
 */
export class Execution implements StepContext {
  readonly increments = new Map<string, Increment>();
  readonly steps: StepRecord[] = [];
  readonly replays: ReadonlyMap<string, readonly string[]>;
  readonly quarantine: string;
  readonly floors: Floors;
  private freePlans = true;
  /** True between a savepoint and the first statement behind it. */
  private isMarked = false;

  constructor(
    private readonly client: Client | Connection,
    private readonly terms: ExecutionTerms,
  ) {
    this.replays = terms.replays ?? new Map();
    this.floors = terms.floors ?? new Map();
    this.quarantine = relationName(terms.quarantine ?? 'ingot.quarantine');
  }

  get dataset(): string {
    return this.terms.dataset;
  }

  get runId(): bigint {
    return this.terms.runId;
  }

  /** Counts the new rows of every source: a step without any is not executed. */
  async readSources(sources: readonly string[], state: DatasetState, upTo: Snapshot): Promise<number> {
    let total = 0;
    // Nothing that writes runs in parallel anyway, and starting workers to count a few rows costs 25 ms; compiling its
    // expressions makes 203 ms of the 3.4 ms that the increment of a large table takes.
    await this.client.query(`set local max_parallel_workers_per_gather = 0; set local jit = off; ${INCREMENT_PLANS}`);
    this.freePlans = false;
    for (const relation of sources) {
      const where = unseenRows('ingest_xid', state.seen, upTo);
      const { rows } = await this.client.query<{ count: string }>(`select count(*) from ${relationName(relation)} where ${where}`);
      const count = Number(rows[0]?.count ?? 0);
      this.increments.set(relation, { kind: 'growing', relation, where, rows: count, upTo: `ingest_xid < ${bigintLiteral(upTo.xmax)}` });
      total += count;
    }
    return total;
  }

  async step(planned: Step): Promise<StepRecord> {
    const step = withFloor(planned, this.floors);
    const { model, strategy } = step;
    const started = performance.now();
    const hasWork = this.hasWork(step);
    const ask = (text: string) => this.ask(text, true);
    const end = hasWork && strategy === 'append' ? await endOfRows(ask, step) : undefined;
    const { written, deleted, ledger } = hasWork ? await gated(step, this, () => this.refresh(step)) : { written: 0, deleted: 0 };
    const where = strategy === 'append' ? await appendedRows(ask, step, this.runId, end, written) : undefined;
    this.increments.set(model.relation, incrementOf(step, written, deleted, where));
    const record = { model: model.relation, strategy, rowsWritten: written, rowsDeleted: deleted, durationMs: performance.now() - started, ...(ledger === undefined ? {} : { ledger }) };
    this.steps.push(record);
    return record;
  }

  async execute(step: Step, statement: Statement): Promise<StatementResult> {
    try {
      await this.choosePlans(!statement.incrementOnly);
      const { rowCount, rows } = await this.client.query<Record<string, unknown>>(statement.text, statement.values === undefined ? undefined : [...statement.values]);
      return { rowCount: rowCount ?? 0, rows };
    } catch (error) {
      if (isConnectionError(error)) throw error; // no model's fault
      throw failureOf(step.model, statement, error);
    }
  }

  /** Sends a query that belongs to no step; an error is the server's. */
  async ask(text: string, incrementOnly: boolean): Promise<readonly Record<string, unknown>[]> {
    await this.choosePlans(!incrementOnly);
    return (await this.client.query<Record<string, unknown>>(text)).rows;
  }

  async attempt<T>(work: () => Promise<T>): Promise<T> {
    const { freePlans } = this;
    const isShared = this.isMarked; // a gated append has one savepoint: two messages less for each step
    if (!isShared) await this.client.query('savepoint attempt');
    this.isMarked = true;
    try {
      const result = await work();
      if (!isShared) await this.client.query('release savepoint attempt');
      if (!isShared) this.isMarked = false;
      return result;
    } catch (error) {
      if (isConnectionError(error)) throw error;
      await this.client.query(`rollback to savepoint attempt${isShared ? '' : '; release savepoint attempt'}`);
      this.isMarked = isShared;
      this.freePlans = freePlans; // a setting made since the savepoint is undone with the rest
      throw error;
    }
  }

  private hasWork(step: Step): boolean {
    const { model, strategy } = step;
    if (strategy === 'table') return this.terms.refreshes?.isDue(step, this.increments) ?? true;
    if ((this.replays.get(model.relation)?.length ?? 0) > 0) return true;
    return !model.incrementOn.every((relation) => this.increments.get(relation)?.rows === 0);
  }

  private refresh(step: Step): Promise<StepRows> {
    switch (step.strategy) {
      case 'append':
        return append(step, this);
      case 'accumulate':
        return accumulate(step, this);
      case 'delete+insert':
        return deleteInsert(step, this);
      case 'merge':
        return merge(step, this);
      case 'table':
        return table(step, this);
    }
  }

  private async choosePlans(free: boolean): Promise<void> {
    this.isMarked = false;
    if (this.freePlans === free) return;
    await this.client.query(free ? FREE_PLANS : INCREMENT_PLANS);
    this.freePlans = free;
  }
}

/** @param where the condition for what an append has written */
function incrementOf({ model: { relation }, changed }: Step, written: number, deleted: number, where: string | undefined): Increment {
  if (where !== undefined) return { kind: 'growing', relation, where, rows: written };
  return { kind: 'changing', relation, rows: written + deleted, ...(changed === undefined ? {} : { changed: changed.name }) };
}

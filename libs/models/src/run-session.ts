import type { Dataset } from '@ingot/datasets';
import { withConnectionFor, withWatchedConnection, type ConnectionPool } from '@ingot/postgres';
import { isApplied } from './apply.js';
import { BrinSummary } from './brin-summary.js';
import { readPlan, type Plan } from './plan.js';
import { hasUnseen, lookAtDataset } from './probe.js';
import { run, type RunResult } from './run.js';
import { RunFailure } from './run-failure.js';
import { recordFailure } from './run-ledger.js';
import { isRefreshDue } from './tables/table-refreshes.js';
import { boundIncrement, readState, type DatasetState, type Snapshot } from './watermark.js';

/** Rows that fill some 100 pages: below that there is no full range to summarise. */
const SUMMARISE_AFTER_ROWS = 10_000;

/** A look takes some ms; over a table read cold, more. */
const LOOK_MS = 5_000;
const RECORD_MS = 5_000;
const CANCEL_MS = 1_000;

export interface RunSessionOptions {
  readonly pool: ConnectionPool;
  /** Only an owner may summarise an index. */
  readonly upkeep?: ConnectionPool;
  readonly dataset: Dataset;
  readonly maxRows: number;
}

/** What a look found. */
export interface Look {
  /** `not-applied`: other files than ours were; rows may be unseen or not. */
  readonly found: 'covered' | 'due' | 'unseen' | 'not-applied';
  /** Rows are outside the watermark, or entries are to be replayed. */
  readonly unseen: boolean;
  /** The dataset's row as it was before the rows were looked at; absent before its first apply. */
  readonly state?: DatasetState;
}

/** One dataset's probes and runs on sessions of a pool, with what they keep between them. */
export class RunSession {
  /** The watermark as last seen here. An older one is safe: a row outside a newer watermark is outside this one too. */
  private seen: { snapshot: Snapshot; at: Date } | undefined;
  private plan: Plan | undefined;
  private rowsSinceSummary = 0;
  private readonly summary = new BrinSummary();
  private pid: number | undefined;
  private cancelled = false;

  constructor(private readonly options: RunSessionOptions) {}

  get watermarkAt(): Date | undefined {
    return this.seen?.at;
  }

  /**
   * Whether every row committed before the call is covered by the watermark; `due` when all are, and a table with
   * `refresh` waits to be computed.
   * @throws NoAnswerError after limitMs
   */
  async look(limitMs = LOOK_MS): Promise<Look> {
    const { dataset, pool } = this.options;
    const sources = dataset.sources.map(({ relation }) => relation);
    return withConnectionFor(pool, limitMs, async (client) => {
      const known = this.seen;
      const first = known === undefined ? { state: await readState(client, dataset.name), unseen: true } : await lookAtDataset(client, dataset.name, sources, known.snapshot);
      const { state } = first;
      if (state === undefined) return { found: 'not-applied', unseen: true };
      this.seen = { snapshot: state.seen, at: state.updatedAt };
      const isKnown = known !== undefined && isSame(known.snapshot, state.seen);
      const isOlder = known !== undefined && state.seen.xmax < known.snapshot.xmax; // another state of the database was restored
      const unseen = (first.unseen || isOlder) && (isKnown || (await hasUnseen(client, sources, state.seen, dataset.name)));
      if (state.codeHash !== dataset.codeHash) return { found: 'not-applied', unseen, state };
      if (unseen) return { found: 'unseen', unseen, state };
      return { found: (await isRefreshDue(client, dataset)) ? 'due' : 'covered', unseen, state };
    });
  }

  /**
   * Why nobody should wait for the run of another process: the last one failed, or more waits than one run takes.
   * @param state as just read, with rows unseen
   */
  async obstacle(state: DatasetState): Promise<'failing' | 'backlog' | undefined> {
    const { dataset, maxRows, pool } = this.options;
    return withConnectionFor(pool, LOOK_MS, async (client) => {
      const { rows } = await client.query<{ status: string }>(`select status from ingot.runs where dataset = $1 and kind = 'run' order by id desc limit 1`, [dataset.name]);
      if (rows[0]?.status === 'failed') return 'failing';
      const { cut } = await boundIncrement(client, dataset.sources.map(({ relation }) => relation), state, maxRows);
      return cut ? 'backlog' : undefined;
    });
  }

  /**
   * One run.
   * @param onCut told when more is waiting than the run takes, before it is done
   * @throws RunFailure, recorded already, or the error of the connection
   */
  async run(onCut?: () => void): Promise<RunResult> {
    const { dataset, maxRows, pool } = this.options;
    const startedAt = new Date();
    try {
      return await withWatchedConnection(pool, async (client) => {
        this.pid = (client as { processID?: number | null }).processID ?? undefined;
        this.plan ??= (await isApplied(client, dataset)) ? await readPlan(client, dataset) : undefined;
        if (this.plan === undefined) return { outcome: 'not-applied' };
        const result = await run(client, this.plan, { maxRows, onCut });
        if (result.outcome === 'succeeded') {
          this.seen = { snapshot: result.seen, at: result.publishedAt };
          this.rowsSinceSummary += result.rowsIn;
        }
        return result;
      });
    } catch (error) {
      if (error instanceof RunFailure && !this.cancelled) {
        const record = withConnectionFor(pool, RECORD_MS, (client) => recordFailure(client, dataset.name, dataset.codeHash, startedAt, error));
        await record.catch(() => undefined); // the failure itself is the one to tell
      }
      throw error;
    } finally {
      this.pid = undefined;
    }
  }

  /** After a run: block ranges it filled. A table in use is left for later. */
  async summarise(): Promise<void> {
    const { dataset, pool, upkeep = pool } = this.options;
    if (this.rowsSinceSummary < SUMMARISE_AFTER_ROWS) return;
    const growing = dataset.models.filter(({ strategy }) => strategy === 'append').map(({ relation }) => relation);
    const all = await withWatchedConnection(upkeep, (client) => this.summary.summarise(client, dataset.sources.map(({ relation }) => relation), growing));
    if (all) this.rowsSinceSummary = 0;
  }

  /** Ends the statement of the run under way; it fails with 57014. */
  async cancel(): Promise<void> {
    const { pid } = this;
    this.cancelled = true;
    if (pid !== undefined) await withConnectionFor(this.options.pool, CANCEL_MS, (client) => client.query('select pg_cancel_backend($1)', [pid]));
  }
}

function isSame(a: Snapshot, b: Snapshot): boolean {
  return a.xmax === b.xmax && a.xip.length === b.xip.length && a.xip.every((xid, i) => xid === b.xip[i]);
}

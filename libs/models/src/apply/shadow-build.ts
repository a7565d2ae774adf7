import { withRelations, type Dataset, type Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { Execution, FREE_PLANS } from '../execution.js';
import { prepareSession, readPlan, type Plan } from '../plan.js';
import type { Step } from '../step.js';
import { failureOf } from '../run-failure.js';
import type { StepRecord } from '../run-ledger.js';
import { bigintLiteral, columnList, relationName, RUN_ID } from '../sql-names.js';
import { wrapQuery } from '../strategies/wrapped-query.js';
import { coveredRows, readState, type DatasetState } from '../watermark.js';
import { BronzeRanges, RunRanges, type ChunkRange } from './chunk-range.js';
import { countChunk, runIdOf, type PlanRow } from './plan-row.js';
import { addWork, moveMark, readMarks, type ShadowMark, type ShadowWork } from './shadow-mark.js';

/** How far a rebuild has come; told after each chunk. */
export interface BackfillProgress {
  /** The model whose shadow is filled, by its live name. */
  readonly relation: string;
  /** Rows of its input read so far, those of earlier attempts included. */
  readonly rowsRead: number;
  /** About how many there are. */
  readonly rowsTotal: number;
  /** Since this attempt began; undefined in its first moments. */
  readonly rowsPerSecond?: number;
  readonly secondsLeft?: number;
}

export interface ShadowBuildOptions {
  /** Rows of its input that one chunk reads. */
  readonly chunkRows: number;
  readonly onProgress?: (progress: BackfillProgress) => void | Promise<void>;
}

/** The models of a plan that are rebuilt, with their shadows. */
export interface Shadows {
  readonly live: Dataset;
  /** The same dataset in the shadows' area. */
  readonly moved: Dataset;
  /** In graph order: a live model and its shadow. */
  readonly models: readonly { readonly live: Model; readonly shadow: Model }[];
}

const NOTHING_SEEN = { xmax: 0n, xip: [] };

/** Whether a model is filled by its own increments; others are computed in one statement. */
export function isChunked({ strategy }: Model): boolean {
  return strategy === 'append' || strategy === 'merge' || strategy === 'accumulate';
}

/**
 * Fills the shadows of a plan: a second consumer of the same inputs, with a mark for each shadow. No shadow ever holds
 * more than the dataset's watermark covers in the snapshot of the transaction that fills it.
 */
export class ShadowBuild {
  /** When the rebuild began, that of an earlier attempt included. */
  readonly startedAt: Date;
  private chunk: bigint;
  private plan: Plan | undefined;
  private readonly ranges = new Map<string, BronzeRanges | RunRanges>();
  private marks = new Map<string, ShadowMark>();

  constructor(
    private readonly client: Client | Connection,
    private readonly shadows: Shadows,
    row: PlanRow,
    private readonly options: ShadowBuildOptions,
  ) {
    this.chunk = row.chunk;
    this.startedAt = row.startedAt;
  }

  /** Reads how far an earlier attempt came. */
  async open(): Promise<void> {
    const { live, moved, models } = this.shadows;
    const filled = models.filter((model) => isChunked(model.live)).map(({ shadow }) => shadow);
    this.plan = await readPlan(this.client, { ...moved, models: filled });
    await prepareSession(this.client, this.plan);
    this.marks = await readMarks(this.client, live.name);
  }

  /** Fills every shadow up to the watermark as it is when its turn comes; chunk after chunk, each committed. */
  async fill(totals: ReadonlyMap<string, number>): Promise<void> {
    for (const { live, shadow } of this.shadows.models) {
      if (isChunked(live)) await this.fillOne(live, shadow, totals.get(live.relation) ?? 0);
      else if (this.isLookup(shadow)) {
        await inTransaction(this.client, 'isolation level repeatable read', async () => {
          const state = await readState(this.client, this.shadows.live.name);
          if (state === undefined) throw new Error(`${this.shadows.live.name} is gone from ingot.datasets`);
          const chunk = this.chunk + 1n;
          await this.compute(shadow, chunk, state);
          await countChunk(this.client, this.shadows.live.name, chunk);
          this.chunk = chunk;
        });
      }
    }
  }

  /**
   * Brings every shadow exactly to the watermark, inside the publishing transaction: neither beyond, nor a new row.
   * @param state the dataset's locked row
   * @returns by live relation: all that was done to fill its shadow
   */
  async finish(state: DatasetState): Promise<Map<string, ShadowWork>> {
    const chunk = this.chunk + 1n;
    const done = new Map<string, ShadowWork>();
    for (const { live, shadow } of this.shadows.models) {
      if (!isChunked(live)) {
        done.set(live.relation, await this.compute(shadow, chunk, state));
        continue;
      }
      const mark = this.markOf(live);
      const ranges = this.rangesOf(shadow);
      const range = ranges instanceof BronzeRanges ? await ranges.rest(this.client, mark, state.seen) : await ranges.rest(this.client, mark);
      const record = range === undefined ? undefined : await this.write(shadow, range, chunk, state);
      done.set(live.relation, record === undefined ? mark.work : addWork(mark.work, record));
    }
    return done;
  }

  /** For how many ms the chunks were worked on, those of earlier attempts included. */
  get workedMs(): number {
    return [...this.marks.values()].reduce((sum, { work }) => sum + work.durationMs, 0);
  }

  private async fillOne(live: Model, shadow: Model, total: number): Promise<void> {
    const started = performance.now();
    const before = this.markOf(live).rowsRead;
    for (let isLast = false; !isLast; ) {
      const done = await this.nextChunk(live, shadow);
      if (done === undefined) return;
      isLast = done.isLast;
      const mark = done.after;
      const seconds = (performance.now() - started) / 1000;
      const rate = (mark.rowsRead - before) / seconds;
      const known = seconds > 0.2 && rate > 0;
      await this.options.onProgress?.({
        relation: live.relation,
        rowsRead: mark.rowsRead,
        rowsTotal: Math.max(total, mark.rowsRead),
        ...(known ? { rowsPerSecond: rate, secondsLeft: Math.max(0, total - mark.rowsRead) / rate } : {}),
      });
    }
  }

  /** One chunk in a transaction of its own; undefined when there is nothing left. */
  private async nextChunk(live: Model, shadow: Model): Promise<ChunkRange | undefined> {
    const { name } = this.shadows.live;
    const chunk = this.chunk + 1n;
    const range = await inTransaction(this.client, 'isolation level repeatable read', async () => {
      // Before anything else: the watermark of this very snapshot bounds what the chunk may read.
      const state = await readState(this.client, name);
      if (state === undefined) throw new Error(`${name} is gone from ingot.datasets`);
      const mark = this.markOf(live);
      const ranges = this.rangesOf(shadow);
      const found = ranges instanceof BronzeRanges ? await ranges.next(this.client, mark, state.seen) : await ranges.next(this.client, mark);
      if (found === undefined) return undefined;
      const record = await this.write(shadow, found, chunk, state);
      const next = record === undefined ? found : { ...found, after: { ...found.after, work: addWork(mark.work, record) } };
      await moveMark(this.client, name, live.relation, next.after);
      await countChunk(this.client, name, chunk);
      return next;
    });
    if (range === undefined) return undefined;
    this.marks.set(live.relation, range.after);
    this.chunk = chunk;
    return range;
  }

  private async write(shadow: Model, range: ChunkRange, chunk: bigint, { seen }: DatasetState): Promise<StepRecord | undefined> {
    const [input] = shadow.incrementOn;
    if (range.rows === 0 || input === undefined) return undefined;
    const execution = new Execution(this.client, { dataset: this.shadows.live.name, runId: runIdOf(chunk), quarantine: 'ingot.shadow_quarantine' });
    // A bronze table that is only looked up shows no line beyond the watermark: no run of the live model has seen it.
    const upTo = coveredRows('ingest_xid', NOTHING_SEEN, seen);
    for (const { relation } of this.shadows.live.sources) execution.increments.set(relation, { kind: 'growing', relation, where: 'false', rows: 0, upTo });
    execution.increments.set(input, { kind: 'growing', relation: input, where: range.where, rows: range.rows, ...(this.isSource(input) ? { upTo } : {}) });
    const record = await execution.step(this.stepOf(shadow));
    await this.client.query(FREE_PLANS); // the execution leaves it as its last statement had it
    return record;
  }

  /** The whole result in one statement; what an earlier moment gave is replaced. */
  private async compute(shadow: Model, chunk: bigint, { seen }: DatasetState): Promise<ShadowWork> {
    const started = performance.now();
    const table = relationName(shadow.relation);
    await this.client.query(`truncate ${table}`);
    const { rows } = await this.client.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> $2 order by attnum`,
      [table, RUN_ID],
    );
    const columns = rows.map(({ name }) => name);
    const statement = wrapQuery(
      `insert into ${table} (${columnList([...columns, RUN_ID])})\nselect ${columnList(columns, 'q')}, ${bigintLiteral(runIdOf(chunk))} from (\n`,
      // Of a bronze table no line beyond the watermark: the other models do not have it either.
      withRelations(shadow.query, ({ relation }) => (this.isSource(relation) ? `(select * from ${relationName(relation)} where ${coveredRows('ingest_xid', NOTHING_SEEN, seen)})` : undefined)),
      '\n) as q',
    );
    try {
      const { rowCount } = await this.client.query(statement.text);
      return { rowsWritten: rowCount ?? 0, rowsOut: 0, quarantined: 0, filtered: 0, durationMs: performance.now() - started };
    } catch (error) {
      throw failureOf(shadow, { ...statement, incrementOnly: false }, error);
    }
  }

  /** Whether a shadow filled in chunks reads this one, so that it must be there before. */
  private isLookup(shadow: Model): boolean {
    const readers = new Set([shadow.relation]);
    for (const model of this.shadows.moved.models) {
      if (!model.query.mentions.some(({ relation }) => readers.has(relation))) continue;
      const isShadow = this.shadows.models.some((pair) => pair.shadow === model);
      if (isShadow && isChunked(model)) return true;
      readers.add(model.relation);
    }
    return false;
  }

  private stepOf(shadow: Model): Step {
    const step = this.plan?.steps.find(({ model }) => model.relation === shadow.relation);
    if (step === undefined) throw new Error(`${shadow.relation}: no step`);
    return step;
  }

  private rangesOf(shadow: Model): BronzeRanges | RunRanges {
    const known = this.ranges.get(shadow.relation);
    if (known !== undefined) return known;
    const [input] = shadow.incrementOn;
    if (input === undefined) throw new Error(`${shadow.relation} has no increment`);
    const ranges = this.isSource(input) ? new BronzeRanges(input, this.options.chunkRows) : new RunRanges(input, this.options.chunkRows);
    this.ranges.set(shadow.relation, ranges);
    return ranges;
  }

  private isSource(relation: string): boolean {
    return this.shadows.live.sources.some((source) => source.relation === relation);
  }

  private markOf({ relation }: Model): ShadowMark {
    const mark = this.marks.get(relation);
    if (mark === undefined) throw new Error(`${relation} has no mark`);
    return mark;
  }
}

import { LessThan, MoreThanOrEqual, type DataSource, type FindOptionsWhere, type Repository } from 'typeorm';
import { DatasetState } from '../entities/dataset-state.js';
import { Run, RunTestResult } from '../entities/run.js';
import { openDataSource, type HistorySession } from './data-source.js';

export interface RunFilter {
  readonly dataset?: string;
  readonly status?: Run['status'];
  /** Records older than this one: the next page. */
  readonly before?: number;
  readonly limit: number;
}

/** Reads the run ledger: newest first, nothing kept between calls. */
export class RunHistory {
  private readonly runs: Repository<Run>;

  private constructor(private readonly source: DataSource) {
    this.runs = source.getRepository(Run);
  }

  static async open(session: HistorySession): Promise<RunHistory> {
    return new RunHistory(await openDataSource(session));
  }

  /** Without steps. */
  list({ dataset, status, before, limit }: RunFilter): Promise<Run[]> {
    const where: FindOptionsWhere<Run> = { ...(dataset === undefined ? {} : { dataset }), ...(status === undefined ? {} : { status }), ...(before === undefined ? {} : { id: LessThan(before) }) };
    return this.runs.find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** A record by its id, with its steps in order and what its data tests found. */
  async find(id: number): Promise<Run | null> {
    const run = await this.runs.findOne({ where: { id }, relations: { steps: true }, order: { steps: { position: 'ASC' } } });
    // Not joined too: each test would come once for each step, samples and all.
    if (run !== null) run.tests = await this.source.getRepository(RunTestResult).find({ where: { runRecord: id }, order: { test: 'ASC' } });
    return run;
  }

  /** The record of the run that wrote the rows with this `_run_id`. */
  async findWriter(dataset: string, runId: number): Promise<Run | null> {
    const next = await this.runs.findOne({ where: { dataset, runId: MoreThanOrEqual(runId) }, order: { runId: 'ASC' } });
    const covers = next !== null && (next.firstRunId ?? next.runId ?? 0) <= runId;
    return covers ? this.find(next.id) : null;
  }

  /** Durations in ms of the last successful runs of its kind before this one, newest first; a record of several runs gives their mean. */
  async durationsBefore({ dataset, id, kind }: Pick<Run, 'dataset' | 'id' | 'kind'>, limit: number): Promise<number[]> {
    const earlier = await this.runs.find({ where: { dataset, kind, status: 'succeeded', id: LessThan(id) }, order: { id: 'DESC' }, take: limit });
    return earlier.flatMap(({ durationMs, runs }) => (durationMs === null ? [] : [durationMs / runs]));
  }

  datasets(): Promise<DatasetState[]> {
    return this.source.getRepository(DatasetState).find({ order: { name: 'ASC' } });
  }

  async close(): Promise<void> {
    await this.source.destroy();
  }
}

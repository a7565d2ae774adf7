import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admission, Admitted } from '../admission.js';
import type { Logger } from '../logger.js';
import type { Outcome } from './batch-queue.js';
import type { Batch } from './batch.js';
import { GroupCommit, leastDurable, type IngestStatus } from './group-commit.js';
import type { LineLimits } from './line-limits.js';

export const INGEST_OPTIONS = Symbol('INGEST_OPTIONS');

/** A declared way in: the route and the bronze table its lines go to. */
export interface IngestSource {
  readonly relation: string;
  readonly path: string;
}

export interface IngestOptions {
  sources: readonly IngestSource[];
  /** postgres:// URL. */
  databaseUrl: string;
  limits: { queueLimitBytes: number; deadlineMs: number };
  lines: LineLimits;
  admission: Admission;
  logger: Logger;
  /** True while a disk has so little room that nothing more may be taken. */
  isStorageLow: () => boolean;
  /** Called with the bronze table after each COMMIT that stored lines. */
  onFlushed: (relation: string) => void;
}

/** One group commit for each source, open from the start of the module to the end of the application. */
@Injectable()
export class IngestService implements OnModuleInit, OnApplicationShutdown {
  private readonly commits: ReadonlyMap<string, GroupCommit>;

  readonly lineLimits: LineLimits;
  private readonly admission: Admission;

  constructor(@Inject(INGEST_OPTIONS) { sources, databaseUrl: url, limits, lines, admission, logger, isStorageLow, onFlushed }: IngestOptions) {
    this.lineLimits = lines;
    this.admission = admission;
    this.commits = new Map(sources.map(({ relation }) => [relation, new GroupCommit({ url, relation, ...limits, logger, isStorageLow, onFlushed })]));
  }

  onModuleInit(): void {
    for (const commit of this.commits.values()) commit.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.commits.values()].map((commit) => commit.close()));
  }

  /**
   * Before a byte of the body is read: why the request would not be stored, as far as that is known by its head.
   * @param heldBytes of all bodies that have no answer yet
   */
  refuse(relation: string, request: FastifyRequest, heldBytes: number): Error | undefined {
    return this.commitOf(relation).refuses(Number(request.headers['content-length']) || 0, heldBytes) ?? this.admission.refuse(request);
  }

  /**
   * Stores the lines of one request, within the limits of whoever sends it; see GroupCommit.submit.
   * @throws Problem as Admission.admit and GroupCommit.submit do
   */
  store(request: FastifyRequest, reply: FastifyReply, relation: string, batch: Batch): Promise<Outcome> {
    const commit = this.commitOf(relation);
    const admitted = this.admission.admit(request, reply, relation, batch);
    if (admitted === undefined) return commit.submit(batch); // the usual case: no promise of its own
    return submitAdmitted(commit, batch, admitted);
  }

  private commitOf(relation: string): GroupCommit {
    const commit = this.commits.get(relation);
    if (commit === undefined) throw new Error(`no source owns ${relation}`);
    return commit;
  }

  /** By bronze table. */
  get status(): Record<string, IngestStatus> {
    return Object.fromEntries([...this.commits].map(([relation, commit]) => [relation, commit.status]));
  }

  /** `synchronous_commit` of the sessions that store lines, as it really is; `off` when one of them has it, undefined before the first is open. */
  get synchronousCommit(): string | undefined {
    return leastDurable([...this.commits.values()]);
  }
}

async function submitAdmitted(commit: GroupCommit, batch: Batch, admission: Admitted | Promise<Admitted | undefined>): Promise<Outcome> {
  const admitted = await admission;
  try {
    const outcome = await commit.submit(batch);
    admitted?.stored(outcome.replayed);
    return outcome;
  } catch (error) {
    admitted?.lost();
    throw error;
  }
}

import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from '../logger.js';
import type { Outcome } from './batch-queue.js';
import type { Batch } from './batch.js';
import { GroupCommit, type IngestStatus } from './group-commit.js';

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
  logger: Logger;
  /** Called with the bronze table after each COMMIT that stored lines. */
  onFlushed: (relation: string) => void;
}

/** One group commit for each source, open from the start of the module to the end of the application. */
@Injectable()
export class IngestService implements OnModuleInit, OnApplicationShutdown {
  private readonly commits: ReadonlyMap<string, GroupCommit>;

  constructor(@Inject(INGEST_OPTIONS) { sources, databaseUrl: url, limits, logger, onFlushed }: IngestOptions) {
    this.commits = new Map(sources.map(({ relation }) => [relation, new GroupCommit({ url, relation, ...limits, logger, onFlushed })]));
  }

  onModuleInit(): void {
    for (const commit of this.commits.values()) commit.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.commits.values()].map((commit) => commit.close()));
  }

  /** Stores the lines of one request; see GroupCommit.submit. */
  submit(relation: string, batch: Batch): Promise<Outcome> {
    const commit = this.commits.get(relation);
    if (commit === undefined) throw new Error(`no source owns ${relation}`);
    return commit.submit(batch);
  }

  /** By bronze table. */
  get status(): Record<string, IngestStatus> {
    return Object.fromEntries([...this.commits].map(([relation, commit]) => [relation, commit.status]));
  }
}

import { sessionConfig } from '@ingot/postgres';
import { DataSource } from 'typeorm';
import { DatasetState } from '../entities/dataset-state.js';
import { QuarantineEntry } from '../entities/quarantine-entry.js';
import { Run, RunStep, RunTestResult } from '../entities/run.js';

export const ENTITIES = [DatasetState, QuarantineEntry, Run, RunStep, RunTestResult];

export interface HistorySession {
  /** postgres:// URL. */
  readonly url: string;
  /** As the server's views of its sessions show it. */
  readonly name: string;
  /** At most so many at once; default 1. */
  readonly sessions?: number;
  /** How long a connection is waited for; default 5 s. */
  readonly acquireTimeoutMs?: number;
  /** Server settings, e.g. `{ statement_timeout: '3000' }`. */
  readonly settings?: Record<string, string>;
}

/** Connects to the operational schema by entities. It never changes the schema: migrations do. */
export async function openDataSource({ url, name, sessions = 1, acquireTimeoutMs = 5_000, settings }: HistorySession): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    url,
    applicationName: name,
    entities: ENTITIES,
    synchronize: false,
    installExtensions: false,
    logging: false,
    extra: { max: sessions, connectionTimeoutMillis: acquireTimeoutMs, options: sessionConfig({ url, name, settings }).options },
  });
  return source.initialize();
}

import { sessionConfig } from '@ingot/postgres';
import { DataSource } from 'typeorm';
import { DatasetState } from '../entities/dataset-state.js';
import { QuarantineEntry } from '../entities/quarantine-entry.js';
import { Run, RunStep, RunTestResult } from '../entities/run.js';

export const ENTITIES = [DatasetState, QuarantineEntry, Run, RunStep, RunTestResult];

/** Connects to the operational schema by entities. It never changes the schema: migrations do. */
export async function openDataSource(url: string, name: string, sessions: number): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    url,
    applicationName: name,
    entities: ENTITIES,
    synchronize: false,
    installExtensions: false,
    logging: false,
    extra: { max: sessions, connectionTimeoutMillis: 5_000, options: sessionConfig({ url, name }).options },
  });
  return source.initialize();
}

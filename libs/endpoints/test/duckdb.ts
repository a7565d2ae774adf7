import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

/** Another reader of our files, and a file for it to read. */
export interface OtherReader {
  readonly duck: DuckDBConnection;
  /** Not there yet; in a folder of its own. */
  readonly file: string;
  close(): void;
}

/** DuckDB in memory, its times in UTC. */
export async function openDuckDb(extension: string): Promise<OtherReader> {
  const duck = await (await DuckDBInstance.create()).connect();
  await duck.run("set TimeZone = 'UTC'");
  const folder = mkdtempSync(path.join(tmpdir(), `ingot-${extension}-`));
  return {
    duck,
    file: path.join(folder, `rows.${extension}`),
    close() {
      duck.closeSync();
      rmSync(folder, { recursive: true });
    },
  };
}

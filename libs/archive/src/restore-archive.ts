import { resolve } from 'node:path';
import type { Dataset } from '@ingot/datasets';
import { endWithProcess, replayLines, restoreLines, RestoreRefused, type ArchivedPartition } from '@ingot/models';
import type { Client } from 'pg';
import { databaseId } from './archive-partition.js';
import { readLines, sumFile } from './archived-lines.js';
import { ArchiveDamaged, readManifest, type Manifest } from './manifest.js';

export interface RestoreTerms {
  /** How long the lines stay, whatever retention says. */
  readonly keepMs: number;
  /** Takes them in as new lines, which the next run counts. */
  readonly replay: boolean;
}

export interface RestoredArchive {
  readonly manifest: Manifest;
  /** The partition they stand in; undefined for a replay. */
  readonly partition?: string;
  readonly added: number;
  /** Lines that were there already. */
  readonly there: number;
}

/**
 * Reads an archive back. File and manifest are checked whole before the database is touched.
 * @param datasets those of the project
 * @throws ArchiveDamaged, RestoreRefused
 */
export async function restoreArchive(client: Client, datasets: readonly Dataset[], path: string, { keepMs, replay }: RestoreTerms): Promise<RestoredArchive> {
  await endWithProcess(client);
  const { manifest, parquet } = await readManifest(path);
  const { rows, checksum } = await sumFile(parquet);
  if (rows !== manifest.rows || checksum !== manifest.checksum) throw new ArchiveDamaged(`${parquet} holds ${rows} lines with the checksum ${checksum}; its manifest says ${manifest.rows} with ${manifest.checksum}`);
  const dataset = datasets.find(({ sources }) => sources.some(({ relation }) => relation === manifest.source));
  if (dataset === undefined) throw new RestoreRefused(`no dataset has the source ${manifest.source}, of which this archive is`);
  const isOwn = (await databaseId(client)) === manifest.database;
  const archived: ArchivedPartition = {
    relation: manifest.source,
    lower: manifest.partition.lower === null ? null : BigInt(manifest.partition.lower),
    upper: BigInt(manifest.partition.upper),
    rows,
    checksum,
    file: resolve(path),
    sha256: manifest.sha256,
  };
  if (replay) return { manifest, ...(await replayLines(client, dataset, archived, isOwn, readLines(parquet))) };
  if (!isOwn) throw new RestoreRefused(`this archive is of another database (${manifest.database}): --replay takes its lines in as new ones`);
  return { manifest, ...(await restoreLines(client, dataset.name, archived, readLines(parquet), keepMs)) };
}

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FORMATS } from '@ingot/endpoints';
import { checksumOf, closedPartitions, endWithProcess, factsOf, recordArchive, withRelationLock, type Partition, type PartitionArchive } from '@ingot/models';
import { inTransaction } from '@ingot/postgres';
import type { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { COLUMNS, sumFile } from './archived-lines.js';
import { publishFile, partial, removePartial, syncFile } from './durable-file.js';
import { ArchiveDamaged, FORMAT, hashFile, readManifest, writeManifest, type Manifest } from './manifest.js';

export interface ArchiveTerms {
  readonly dataset: string;
  /** The bronze table. */
  readonly relation: string;
  readonly partition: Partition;
  /** Where archives are kept; the files come into `<folder>/<dataset>/<source>/`. */
  readonly folder: string;
}

export interface Archived {
  readonly manifest: Manifest;
  /** Of the manifest. */
  readonly path: string;
}

/**
 * Writes a closed partition to a Parquet file, reads that back and compares count and checksum with the table's; then
 * writes the manifest beside it, and keeps in the database that there is an archive. Lines are streamed both ways: memory
 * does not grow with the partition. Each file is on the disk before it gets its name and before anything is said of it,
 * so a process that is killed leaves a whole archive or none, and the next call writes it anew.
 * One process archives a table at a time: two would write to one file.
 * @throws ArchiveDamaged when what was read back is not what was written: then there is no manifest
 */
export async function archivePartition(client: Client, terms: ArchiveTerms): Promise<Archived> {
  await endWithProcess(client);
  return withRelationLock(client, 'archive', terms.relation, () => new Error(`another process archives lines of ${terms.relation} just now`), () => archiveAlone(client, terms));
}

/** Whether what the database remembers of an archive is to be found, and is whole. */
export async function isIntact({ file, sha256 }: PartitionArchive): Promise<boolean> {
  try {
    return (await readManifest(file)).manifest.sha256 === sha256;
  } catch (error) {
    if (error instanceof ArchiveDamaged) return false;
    throw error;
  }
}

async function archiveAlone(client: Client, { dataset, relation, partition, folder }: ArchiveTerms): Promise<Archived> {
  const [schema, source] = relation.split('.') as [string, string];
  const here = join(folder, dataset, source);
  await mkdir(here, { recursive: true });
  const file = `${partition.name}.parquet`;
  const path = join(here, file);
  const table = `"${schema}"."${partition.name}"`;
  const manifestPath = join(here, `${partition.name}.manifest.json`);
  const database = await databaseId(client);
  const earlier = await earlierArchive(manifestPath, database, partition);
  try {
    const written = await inTransaction(client, 'isolation level read committed', async () => {
      // Nobody writes to a closed partition; whoever does by hand waits, or is waited for.
      await client.query(`set local lock_timeout = '1s'; lock table only ${table} in share mode; set local lock_timeout = 0`);
      if (!(await closedPartitions(client, dataset, relation)).some(({ name, upper }) => name === partition.name && upper === partition.upper)) throw new Error(`bronze.${partition.name} is not closed any more, or gone`);
      const facts = await factsOf(client, relation, partition);
      const sums = await checksumOf(client, table);
      if (earlier !== undefined) return { facts, sums, sha256: earlier.sha256 };
      return { facts, sums, ...(await writeParquet(client, table, partial(path))) };
    });
    if (earlier !== undefined) {
      if (earlier.rows !== written.sums.rows || earlier.checksum !== written.sums.checksum) throw new ArchiveDamaged(`${manifestPath} says ${earlier.rows} lines with the checksum ${earlier.checksum}; bronze.${partition.name} has ${written.sums.rows} with ${written.sums.checksum}: it is left as it is, archive into another folder`);
      await recordArchive(client, relation, partition, { ...earlier, file: manifestPath });
      return { manifest: earlier, path: manifestPath };
    }
    await syncFile(partial(path));
    await verify(partial(path), written);
    await publishFile(path);
    const manifest: Manifest = {
      format: FORMAT,
      database,
      dataset,
      source: relation,
      partition: { name: partition.name, lower: partition.lower?.toString() ?? null, upper: partition.upper.toString() },
      ...written.sums,
      receivedFrom: written.facts.receivedFrom?.toISOString() ?? null,
      receivedTo: written.facts.receivedTo?.toISOString() ?? null,
      columns: COLUMNS.map(({ name, type }) => ({ name, type })),
      file,
      bytes: (await stat(path)).size,
      sha256: written.sha256,
      archivedAt: new Date().toISOString(),
    };
    await writeManifest(manifestPath, manifest);
    await recordArchive(client, relation, partition, { file: manifestPath, sha256: manifest.sha256, checksum: manifest.checksum, rows: manifest.rows });
    return { manifest, path: manifestPath };
  } finally {
    await removePartial(path);
  }
}

/**
 * The archive that an earlier call has finished; it is never written over, for it may hold all there is of its lines.
 * @throws ArchiveDamaged when it is another one's, or not whole
 */
async function earlierArchive(path: string, database: string, { upper }: Partition): Promise<Manifest | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  const { manifest } = await readManifest(path);
  if (manifest.database === database && manifest.partition.upper === upper.toString()) return manifest;
  throw new ArchiveDamaged(`${path} is an archive of other lines: archive into another folder`);
}

/** Which database this is, wherever its dumps go. */
export async function databaseId(client: Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select database_id as id from ingot.cluster');
  return rows[0]!.id;
}

interface Written {
  readonly sums: { readonly rows: number; readonly checksum: string };
  readonly sha256: string;
}

async function writeParquet(client: Client, table: string, path: string): Promise<{ sha256: string }> {
  const { copy, encoder } = FORMATS.parquet;
  const columns = COLUMNS.map(({ name, oid }) => ({ name, type: oid }));
  const rows = client.query(copyTo(copy(`select ${COLUMNS.map(({ name }) => `"${name}"`).join(', ')} from only ${table}`, columns)));
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(rows, encoder(columns, []), hashed, createWriteStream(path));
  return { sha256: hash.digest('hex') };
}

/** Reads what has been written, by another library than it was written by. */
async function verify(path: string, { sums, sha256 }: Written): Promise<void> {
  const found = await hashFile(path);
  if (found !== sha256) throw new ArchiveDamaged(`${path} was written with the SHA-256 ${sha256} and reads back with ${found}`);
  const { rows, checksum } = await sumFile(path);
  if (rows !== sums.rows || checksum !== sums.checksum) throw new ArchiveDamaged(`${path} reads back as ${rows} lines with the checksum ${checksum}; the table has ${sums.rows} with ${sums.checksum}`);
}

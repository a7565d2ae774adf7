import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeDurably } from './durable-file.js';

/** What stands beside an archived file: what it holds, and how to see that it does. */
export interface Manifest {
  readonly format: typeof FORMAT;
  /** ingot.cluster.database_id of the database the lines are of. */
  readonly database: string;
  readonly dataset: string;
  /** The bronze table. */
  readonly source: string;
  /** The range of transaction ids on the scale of `ingest_xid`, from `lower` (null = from the first) to below `upper`. */
  readonly partition: { readonly name: string; readonly lower: string | null; readonly upper: string };
  readonly rows: number;
  /** Of the lines, whatever their order: the sum of the first eight bytes of the SHA-256 of each. */
  readonly checksum: string;
  readonly receivedFrom: string | null;
  readonly receivedTo: string | null;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Of the Parquet file, which lies beside the manifest. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly archivedAt: string;
}

export const FORMAT = 'ingot archive 1';

/** A file or its manifest is not what it should be: it must not be used. */
export class ArchiveDamaged extends Error {
  override readonly name = 'ArchiveDamaged';
}

export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  await writeDurably(path, `${JSON.stringify({ ...manifest, self: digestOf(manifest) }, undefined, 2)}\n`);
}

/**
 * Reads a manifest, and compares the file beside it with it, byte by byte.
 * @returns the manifest and the path of its Parquet file
 * @throws ArchiveDamaged
 */
export async function readManifest(path: string): Promise<{ manifest: Manifest; parquet: string }> {
  const { self, ...manifest } = parse(path, await readFile(path, 'utf8').catch((error: Error) => { throw new ArchiveDamaged(`${path} cannot be read: ${error.message}`); }));
  if (manifest.format !== FORMAT) throw new ArchiveDamaged(`${path} is no manifest of this release: its format is ${JSON.stringify(manifest.format)}, not ${JSON.stringify(FORMAT)}`);
  if (self !== digestOf(manifest)) throw new ArchiveDamaged(`${path} is damaged or was changed by hand: its own digest does not fit`);
  const parquet = join(dirname(path), manifest.file);
  const size = await stat(parquet).then(({ size: bytes }) => bytes, (error: Error) => { throw new ArchiveDamaged(`${parquet} cannot be read: ${error.message}`); });
  if (size !== manifest.bytes) throw new ArchiveDamaged(`${parquet} has ${size} bytes; its manifest says ${manifest.bytes}`);
  const sha256 = await hashFile(parquet);
  if (sha256 !== manifest.sha256) throw new ArchiveDamaged(`${parquet} is damaged: its SHA-256 is ${sha256}; its manifest says ${manifest.sha256}`);
  return { manifest, parquet };
}

/** SHA-256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function parse(path: string, text: string): Manifest & { self: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Manifest & { self: unknown };
  } catch {
    // said below
  }
  throw new ArchiveDamaged(`${path} is not a manifest: it is no JSON object`);
}

/** Every byte of what it says counts, so a manifest that has it is whole. */
function digestOf(manifest: Manifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}

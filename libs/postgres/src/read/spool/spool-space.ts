import { tmpdir } from 'node:os';
import { ReadError } from '../read-error.js';

export interface SpoolOptions {
  /** Where the files are made. Default: the temporary folder of the system. */
  readonly folder: string;
  /** Bytes that one read may have on disk. */
  readonly limitBytes: number;
  /** Bytes that all reads together may have on disk. */
  readonly totalLimitBytes: number;
}

/** What the spools of a process hold at the moment. */
export interface SpoolUsage {
  reads: number;
  fileBytes: number;
  memoryBytes: number;
  fileBytesLimit: number;
}

const MIB = 1024 * 1024;
const DEFAULTS: SpoolOptions = { folder: tmpdir(), limitBytes: 1024 * MIB, totalLimitBytes: 4096 * MIB };
/** What one read keeps in memory before it goes to disk: results up to this size are answered without a file. */
export const SMALL_BYTES = 512 * 1024;
/** For all reads together: many clients that do not take their small answers go to disk as well. */
const MEMORY_BYTES = 64 * MIB;

/** The memory and disk that all spools share, counted. */
export class SpoolSpace {
  readonly options: SpoolOptions;
  private memoryBytes = 0;
  private fileBytes = 0;
  private reads = 0;

  constructor(options: Partial<SpoolOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
  }

  get usage(): SpoolUsage {
    return { reads: this.reads, fileBytes: this.fileBytes, memoryBytes: this.memoryBytes, fileBytesLimit: this.options.totalLimitBytes };
  }

  opened(): void {
    this.reads++;
  }

  closed(): void {
    this.reads--;
  }

  /** @returns false when a read that has `own` bytes in memory may not have so many more */
  takeMemory(bytes: number, own: number): boolean {
    if (own + bytes > SMALL_BYTES || this.memoryBytes + bytes > MEMORY_BYTES) return false;
    this.memoryBytes += bytes;
    return true;
  }

  returnMemory(bytes: number): void {
    this.memoryBytes -= bytes;
  }

  /** @throws ReadError `spool full` when a read that has `own` bytes on disk may not have so many more */
  takeFile(bytes: number, own: number): void {
    const { limitBytes, totalLimitBytes } = this.options;
    if (own + bytes > limitBytes) throw new ReadError('spool full', `the client left more than ${limitBytes} bytes of its answer untaken`);
    if (this.fileBytes + bytes > totalLimitBytes) throw new ReadError('spool full', `answers that clients have not taken fill ${totalLimitBytes} bytes of disk`);
    this.fileBytes += bytes;
  }

  returnFile(bytes: number): void {
    this.fileBytes -= bytes;
  }
}

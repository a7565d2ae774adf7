import { ReadError } from '../read-error.js';
import { SpoolFile } from './spool-file.js';
import type { SpoolSpace } from './spool-space.js';

export interface SpoolEvents {
  /** There is something to take again. */
  readonly readable: () => void;
  /** append() may go on. */
  readonly writable: () => void;
  /** ReadError `spool full`; nothing more can be kept. */
  readonly failed: (error: ReadError) => void;
}

/** On the way to the disk at most; a disk slower than the database slows the COPY down. */
const PENDING_BYTES = 1024 * 1024;
const READ_BYTES = 128 * 1024;

/**
 * Bytes between a COPY that must not wait and a client that may take as long as it likes, first in first out: a little
 * in memory, the rest in a file. Once the reader has caught up with the file, it is used from its start again.
 */
export class Spool {
  private readonly memory: Buffer[] = [];
  private memoryBytes = 0;
  private readonly pending: Buffer[] = [];
  private pendingBytes = 0;
  private file?: SpoolFile;
  private readAt = 0;
  private writtenTo = 0;
  private reserved = 0;
  private spooled = 0;
  private writing?: Promise<void>;
  private closing?: Promise<void>;

  constructor(
    private readonly space: SpoolSpace,
    private readonly events: SpoolEvents,
  ) {
    space.opened();
  }

  /** Bytes that went by way of the file so far. */
  get spooledBytes(): number {
    return this.spooled;
  }

  get isEmpty(): boolean {
    return this.memoryBytes === 0 && this.pendingBytes === 0 && this.writtenTo === this.readAt;
  }

  /** @returns false when the caller should wait for `writable` */
  append(chunk: Buffer): boolean {
    if (this.closing !== undefined || chunk.length === 0) return true;
    if (this.pendingBytes === 0 && this.writtenTo === this.readAt && this.space.takeMemory(chunk.length, this.memoryBytes)) {
      this.memory.push(chunk);
      this.memoryBytes += chunk.length;
      this.events.readable();
      return true;
    }
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    this.writing ??= this.write();
    return this.pendingBytes < PENDING_BYTES;
  }

  /**
   * The next bytes, or undefined when there are none at the moment. A promise must settle before the next call.
   * @throws (rejects with) the error of the file system
   */
  take(): Buffer | Promise<Buffer> | undefined {
    const chunk = this.memory.shift();
    if (chunk !== undefined) {
      this.memoryBytes -= chunk.length;
      this.space.returnMemory(chunk.length);
      return chunk;
    }
    return this.file === undefined || this.writtenTo === this.readAt ? undefined : this.read(this.file);
  }

  /** Frees memory and disk. */
  close(): Promise<void> {
    this.closing ??= this.free();
    return this.closing;
  }

  private async write(): Promise<void> {
    try {
      this.file ??= await SpoolFile.create(this.space.options.folder);
      for (let chunk = this.pending[0]; chunk !== undefined && this.closing === undefined; chunk = this.pending[0]) {
        this.reserve(this.writtenTo + chunk.length);
        await this.file.write(chunk, this.writtenTo);
        this.writtenTo += chunk.length;
        this.spooled += chunk.length;
        this.pending.shift();
        this.pendingBytes -= chunk.length;
        this.events.readable();
        if (this.pendingBytes < PENDING_BYTES) this.events.writable();
      }
    } catch (error) {
      this.events.failed(error instanceof ReadError ? error : new ReadError('spool full', 'what the client has not taken cannot be kept on disk', { cause: error }));
    } finally {
      this.writing = undefined;
    }
  }

  private async read(file: SpoolFile): Promise<Buffer> {
    const chunk = await file.read(this.readAt, Math.min(READ_BYTES, this.writtenTo - this.readAt));
    this.readAt += chunk.length;
    if (this.readAt === this.writtenTo && this.pendingBytes === 0) this.readAt = this.writtenTo = 0; // nothing is being written there
    return chunk;
  }

  private reserve(end: number): void {
    if (end <= this.reserved) return;
    this.space.takeFile(end - this.reserved, this.reserved);
    this.reserved = end;
  }

  private async free(): Promise<void> {
    this.memory.length = 0;
    this.space.returnMemory(this.memoryBytes);
    this.memoryBytes = 0;
    await this.writing;
    await this.file?.close().catch(() => undefined);
    this.space.returnFile(this.reserved);
    this.space.closed();
  }
}

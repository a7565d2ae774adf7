import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

const NAME = /^ingot-spool-(\d+)-[0-9a-f]{16}$/;

/**
 * A file of the process's own that has no name any more: the kernel frees it with its last handle, however the process
 * ends. Where an open file cannot lose its name (some Windows file systems), close() removes it.
 */
export class SpoolFile {
  /** @param left its path, when it still has a name */
  constructor(
    private readonly handle: FileHandle,
    private readonly left?: string,
  ) {}

  /** @throws the error of the file system */
  static async create(folder: string): Promise<SpoolFile> {
    const file = path.join(folder, `ingot-spool-${process.pid}-${randomBytes(8).toString('hex')}`);
    const handle = await open(file, 'wx+', 0o600);
    const unlinked = await unlink(file).then(
      () => true,
      () => false,
    );
    return new SpoolFile(handle, unlinked ? undefined : file);
  }

  /** Writes all of it: a disk that is almost full takes a part first, and says ENOSPC to the rest. */
  async write(chunk: Buffer, position: number): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.handle.write(chunk, done, chunk.length - done, position + done);
      done += bytesWritten;
    }
  }

  /** @returns at most so many bytes, at least one */
  async read(position: number, bytes: number): Promise<Buffer> {
    const { bytesRead, buffer } = await this.handle.read(Buffer.allocUnsafe(bytes), 0, bytes, position);
    if (bytesRead === 0) throw new Error('a spool file is shorter than what was written to it');
    return buffer.subarray(0, bytesRead);
  }

  /** Waits for what is under way on the handle. */
  async close(): Promise<void> {
    await this.handle.close();
    if (this.left !== undefined) await unlink(this.left).catch(() => undefined); // the next start sweeps it
  }
}

/**
 * Makes the folder if need be, writes a file there to see that it can, and removes what processes that are gone left.
 * @throws the error of the file system
 */
export async function prepareSpoolFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder)).filter((name) => isAbandoned(NAME.exec(name)?.[1]));
  for (const name of left) await unlink(path.join(folder, name)).catch(() => undefined); // somebody else's sweep
  const probe = await SpoolFile.create(folder);
  await probe.write(Buffer.from('.'), 0).finally(() => probe.close());
}

function isAbandoned(pid: string | undefined): boolean {
  if (pid === undefined) return false;
  if (Number(pid) === process.pid) return true; // a number given out again: this process has made none yet
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

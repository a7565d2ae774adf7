import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, constants, openSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/**
 * Proof of life that the kernel keeps: a unix socket in a folder answers exactly as long as some process has it open.
 * A pid means nothing in another container; a socket file does, for every container that mounts the folder.
 */
export interface LivenessSocket {
  /** For the stdio of a child process, which then keeps the socket answering, as do all its children. */
  readonly fd: number | undefined;
  /** Closes it in this process; the file stays. */
  close(): void;
}

// sun_path has 108 bytes on Linux and 104 elsewhere, the last one a zero.
const LONGEST_PATH = 103;

/**
 * Listens on a socket file, replacing the one that is there; keeps no process from ending.
 * @returns undefined where it cannot be done: Windows, a file system without sockets, outside Linux a long path
 */
export async function openLivenessSocket(file: string): Promise<LivenessSocket | undefined> {
  if (process.platform === 'win32') return undefined;
  // Bound under a name of its own and then renamed: the file never names a socket that does not listen yet, and Node,
  // which removes the name it bound when it closes the server, leaves the file to those who still have the socket.
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(4).toString('hex')}`);
  const server = net.createServer((connection) => connection.destroy());
  try {
    await withShortPath(draft, (short) => new Promise<void>((resolve, reject) => server.once('error', reject).listen(short, resolve)));
    server.on('error', () => undefined); // of an accept(): whoever asked has had the answer from the kernel
    server.unref();
    chmodSync(draft, 0o666); // whoever gets into the folder may ask
    renameSync(draft, file);
  } catch {
    server.close();
    rmSync(draft, { force: true });
    return undefined;
  }
  // No public name for it; a server cannot be handed to spawn() as it is.
  const fd = (server as unknown as { _handle?: { fd?: number } })._handle?.fd;
  return { fd, close: () => void server.close() };
}

/** `dead` and `alive` are certain, on this machine; `unknown` when there is no such file, or none that can be asked. */
export async function askLivenessSocket(file: string): Promise<'alive' | 'dead' | 'unknown'> {
  if (process.platform === 'win32') return 'unknown';
  try {
    await withShortPath(file, (short) => new Promise<void>((resolve, reject) => {
      const connection = net.connect(short, () => resolve(void connection.destroy())).once('error', reject);
    }));
    return 'alive';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EAGAIN: it listens, and 511 who asked before have not been let in, since PostgreSQL never accepts here.
    return code === 'EAGAIN' ? 'alive' : code === 'ECONNREFUSED' ? 'dead' : 'unknown';
  }
}

/** On Linux the folder is named by an open file descriptor, so that its path may have any length. */
async function withShortPath(file: string, use: (short: string) => Promise<void>): Promise<void> {
  if (process.platform !== 'linux') {
    if (Buffer.byteLength(file) > LONGEST_PATH) throw new Error('the path is too long for a socket');
    return use(file);
  }
  const folder = openSync(path.dirname(file), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await use(`/proc/self/fd/${folder}/${path.basename(file)}`);
  } finally {
    closeSync(folder);
  }
}

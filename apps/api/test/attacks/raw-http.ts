import net from 'node:net';

/** What came back over a socket until the server closed it, or until so much of an answer was there that the caller had enough. */
export interface RawAnswer {
  readonly text: string;
  /** The server ended the connection. */
  readonly closed: boolean;
}

/** A connection to the service that sends bytes as they are. */
export function connectTo(url: string): net.Socket {
  const { hostname, port } = new URL(url);
  return net.connect(Number(port), hostname).on('error', () => undefined);
}

/**
 * Sends bytes as they are and reads until the server closes, or until `enough` of what came.
 * @param waitMs the longest wait; what is there by then is returned
 */
export async function sendRaw(url: string, bytes: string | Buffer, enough: (text: string) => boolean = () => false, waitMs = 10_000): Promise<RawAnswer> {
  const socket = connectTo(url);
  let text = '';
  const closed = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), waitMs);
    const end = (byServer: boolean): void => {
      clearTimeout(timer);
      resolve(byServer);
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (enough(text)) end(false);
    });
    socket.once('close', () => end(true));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
  socket.destroy();
  return { text, closed };
}

/** The statuses of all answers on one connection. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
}

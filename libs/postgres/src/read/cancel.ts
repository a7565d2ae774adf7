import net from 'node:net';
import type { Client, PoolClient } from 'pg';

const CANCEL_REQUEST = 80877102; // 1234 in the upper 16 bits, 5678 in the lower. PostgreSQL documentation, 54.7 "CancelRequest"
const PATIENCE_MS = 2_000;

/** What `pg` knows of a session beyond its typed surface. */
interface Session {
  processID: number | null;
  secretKey: number | null;
  host: string;
  port: number;
  connection: { stream: net.Socket };
}

/**
 * Asks the server to stop what the session does, on a connection of its own as the protocol wants it. Best effort: a
 * server that cannot be asked notices the closed connection at its next write.
 */
export function cancelStatement(client: Client | PoolClient): void {
  const { processID, secretKey, host, port } = client as unknown as Session;
  if (processID === null || secretKey === null) return;
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(CANCEL_REQUEST, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  const socket = host.startsWith('/') ? net.connect(`${host}/.s.PGSQL.${port}`) : net.connect(port, host);
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.end(packet);
  socket.resume();
}

/** Closes the session's socket at once. `end()` would wait for an answer that a hung server never gives. */
export function closeAtOnce(client: Client | PoolClient): void {
  (client as unknown as Session).connection.stream.destroy();
}

/**
 * Ends the session, and what the server does for it, once the signal is aborted; at once when it is already.
 * @returns a function after which the signal means nothing to the session any more
 */
export function endOnAbort(client: Client | PoolClient, signal: AbortSignal): () => void {
  const end = (): void => {
    cancelStatement(client); // a server amid a computation does not notice that nobody listens any more
    closeAtOnce(client);
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return () => signal.removeEventListener('abort', end);
}

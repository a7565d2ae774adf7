import http from 'node:http';
import type { Told } from './ledger.js';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly milliseconds: number;
}

/** How long a client waits for its answer before it gives up; far above every deadline of the service. */
const CLIENT_PATIENCE_MS = 60_000;

/** One POST of text. @throws the connection's error, or that the answer took longer than a minute */
export function post(url: string, body: string | Buffer, headers: Record<string, string> = {}, agent?: http.Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const request = http.request(url, { method: 'POST', agent: agent ?? false, headers: { 'content-type': 'text/plain', 'content-length': String(Buffer.byteLength(body)), ...headers } }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('error', reject);
      response.once('close', () => (response.complete ? undefined : reject(new Error('the answer broke off'))));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(pieces).toString(), milliseconds: performance.now() - begun }));
    });
    request.setTimeout(CLIENT_PATIENCE_MS, () => request.destroy(new Error('no answer within a minute')));
    request.once('error', reject);
    request.end(body);
  });
}

/** What an answer says of the lines. */
export function toldBy({ status, text }: Answer): Told {
  if (status === 200) return 'acknowledged';
  if (status === 409) return 'unknown'; // another request with this key is under way
  if (status < 500) return 'not-stored';
  return (JSON.parse(text) as { outcome?: string }).outcome === 'not_stored' ? 'not-stored' : 'unknown';
}

/** What the lack of an answer says: a connection that was never made has carried nothing. */
export function toldByError(error: unknown): Told {
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'not-stored' : 'unknown';
}

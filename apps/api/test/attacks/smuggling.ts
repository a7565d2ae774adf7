import { sendRaw, statusesOf } from './raw-http.js';

/** A request that two servers in a row may read differently, and the second request that one of them would see in it. */
export interface SmugglingCase {
  readonly name: string;
  readonly bytes: string;
  readonly status: number;
}

/** What would be stored if the hidden request were taken for one. */
export const SMUGGLED_LINE = '1 smuggled 1';
const HIDDEN = `POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: ${SMUGGLED_LINE.length}\r\n\r\n${SMUGGLED_LINE}`;
const post = (headers: string, body: string): string => `POST /data HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;

/** Each is refused with one answer, and the connection ends: nothing behind it is read as a request. */
export const SMUGGLING: readonly SmugglingCase[] = [
  { name: 'Content-Length and Transfer-Encoding', bytes: post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'Transfer-Encoding and Content-Length', bytes: post('Transfer-Encoding: chunked\r\nContent-Length: 6', `0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'two lengths', bytes: post(`Content-Length: 5\r\nContent-Length: ${5 + HIDDEN.length}`, `1 a 1${HIDDEN}`), status: 400 },
  { name: 'two lengths in one header', bytes: post('Content-Length: 5, 5', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'an unknown transfer coding', bytes: post('Transfer-Encoding: xchunked', `0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'chunked twice', bytes: post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'a blank before the colon', bytes: post('Transfer-Encoding : chunked', `0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'a folded header', bytes: post('X-Folded: a\r\n Transfer-Encoding: chunked\r\nContent-Length : 5', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'a bare line feed between headers', bytes: `POST /data HTTP/1.1\r\nHost: x\nContent-Length: 5\r\n\r\n1 a 1${HIDDEN}`, status: 400 },
  { name: 'a bare carriage return in a header', bytes: post('X-Bare: a\rContent-Length: 500\r\nContent-Length: 5', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'no Host', bytes: 'POST /data HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n1 a 1', status: 400 },
  { name: 'a chunk that is no number', bytes: post('Transfer-Encoding: chunked', `zz\r\n1 a 1\r\n0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'a chunk longer than it says', bytes: post('Transfer-Encoding: chunked', `3\r\n1 a 1\r\n0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'a chunk with a sign', bytes: post('Transfer-Encoding: chunked', `+5\r\n1 a 1\r\n0\r\n\r\n${HIDDEN}`), status: 400 },
  { name: 'a negative length', bytes: post('Content-Length: -1', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'a length with a sign', bytes: post('Content-Length: +5', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'a hexadecimal length', bytes: post('Content-Length: 0x5', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'a length larger than a number holds', bytes: post('Content-Length: 99999999999999999999', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'NUL in a header', bytes: post('X-Nul: a\0b\r\nContent-Length: 5', `1 a 1${HIDDEN}`), status: 400 },
  { name: 'a header of 20 kB', bytes: post(`X-Long: ${'x'.repeat(20_000)}\r\nContent-Length: 5`, '1 a 1'), status: 431 },
];

/**
 * Sends each and compares what comes back.
 * @returns the cases that were not answered as they are to be, with the statuses that came
 */
export async function smuggle(url: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, bytes, status } of SMUGGLING) {
    const { text, closed } = await sendRaw(url, bytes);
    const statuses = statusesOf(text);
    if (statuses.length !== 1 || statuses[0] !== status || !closed) wrong.push(`${name}: ${statuses.join(', ') || 'no answer'}${closed ? '' : ', left open'}`);
  }
  return wrong;
}

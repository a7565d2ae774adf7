import { pipeline, type Readable, type Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import Negotiator from 'negotiator';
import { Problem } from '../problem.js';
import { readShort } from './short-body.js';

export type Encoding = 'identity' | 'br' | 'gzip';

/**
 * What compresses, and how hard: a stream is to cost less than the statement it comes from. 43 MB of readings as JSON
 * on one busy core: br quality 1 to 8.5 MB in 0.29 s, quality 4 to 9.1 MB in 1.5 s; gzip level 3 to 8.9 MB in 0.50 s,
 * level 6 to 8.6 MB in 1.1 s. Each write is flushed, so that rows of a slow statement are seen as they come.
 * node:zlib by itself: @fastify/compress would buffer until its own flush and brings six packages for these lines.
 */
const COMPRESSORS: Readonly<Record<Exclude<Encoding, 'identity'>, () => Transform>> = {
  br: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH, params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT } }),
  gzip: () => createGzip({ level: 3, flush: constants.Z_SYNC_FLUSH }),
};

/** Below this an answer fits in one packet anyway. */
const WORTH_BYTES = 1_024;

/** The content coding of an answer. */
export interface ContentCoding {
  readonly encoding: Encoding;
  /** A short answer may go as it is. */
  readonly orIdentity: boolean;
}

/** What negotiator 1.0 takes and its type declarations leave out: our order among what a client likes equally. */
interface Preferring {
  encodings(available: readonly Encoding[], options: { preferred: readonly Encoding[] }): Encoding[];
}

/**
 * Chooses by `Accept-Encoding`; without the header, identity.
 * @param compressible false where the format compresses by itself: then identity, unless the client refuses that
 * @throws Problem not-acceptable when it refuses identity, br and gzip
 */
export function chooseEncoding(acceptEncoding: string | undefined, compressible: boolean): ContentCoding {
  const preferred: Encoding[] = ['br', 'gzip', 'identity'];
  const negotiator = new Negotiator({ headers: { 'accept-encoding': acceptEncoding ?? 'identity' } }) as unknown as Preferring;
  const accepted = negotiator.encodings(preferred, { preferred });
  const orIdentity = accepted.includes('identity');
  const encoding = !compressible && orIdentity ? 'identity' : accepted[0];
  if (encoding === undefined) throw new Problem('not-acceptable', 'Answers come in the content codings br, gzip and identity.');
  return { encoding, orIdentity };
}

/**
 * Puts a body into its content coding. Rejects when the body breaks before there was anything to send; later the stream
 * that is returned breaks with it, without what would make it well-formed.
 * @returns what is to be sent, and the coding it has: a short body stays as it is
 */
export async function compress(body: Readable, { encoding, orIdentity }: ContentCoding): Promise<{ body: Readable | Buffer; encoding: Encoding }> {
  if (encoding === 'identity') return { body, encoding };
  const short = orIdentity ? await readShort(body, WORTH_BYTES) : undefined;
  if (short !== undefined) return { body: short, encoding: 'identity' };
  return { body: pipeline(body, COMPRESSORS[encoding](), () => undefined), encoding }; // whoever sends it sees its errors
}

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest, preParsingHookHandler } from 'fastify';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { parseJson, refuseOtherThanJson, takesJson } from '../json-body.js';
import { Problem } from '../problem.js';
import { BodyMemory } from './body-memory.js';

export interface BodyLimits {
  /** Decoded bytes of one body. */
  limitBytes: number;
  /** Decoded bytes of all bodies that have no answer yet. */
  heldLimitBytes: number;
  /** Asked before a byte of a body of lines is read: reading it only to refuse it would take from those who are served. */
  refuse?: (relation: string, request: FastifyRequest, heldBytes: number) => Error | undefined;
}

/** Config of a route whose body is lines for a bronze table. */
export function linesOf(relation: string): { lines: string } {
  return { lines: relation };
}

/**
 * Makes every request body a Buffer of decoded bytes, whatever text type it claims; JSON and binary types are refused
 * before a byte is read. On a route that takes JSON it is the value of the document. Create the application with `bodyParser: false`.
 */
export function configureBodies(app: NestFastifyApplication, { limitBytes, heldLimitBytes, refuse: refuseLines }: BodyLimits): void {
  const server: FastifyInstance = app.getHttpAdapter().getInstance();
  const memory = new BodyMemory(heldLimitBytes);
  server.removeAllContentTypeParsers();
  const beforeBody: preParsingHookHandler = (request, reply, _payload, done) => {
    const { lines } = request.routeOptions.config as { lines?: string };
    const refused = lines === undefined || refuseLines === undefined ? undefined : refuseLines(lines, request, memory.bytes);
    if (refused !== undefined) return done(refused);
    reply.raw.once('close', () => memory.release(request));
    done();
  };
  // Not of every route: a GET has no body.
  server.addHook('onRoute', (route) => {
    if ([route.method].flat().some((method) => WITH_BODY.has(method))) route.preParsing = [beforeBody, route.preParsing ?? []].flat();
  });
  server.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) => {
    const isJson = takesJson(request.routeOptions.config);
    const limit = isJson ? Math.min(limitBytes, JSON_LIMIT) : limitBytes;
    const refuse: Refuse = (bytes, total) => (total > limit ? tooLarge(limit) : memory.take(request, bytes));
    const body = await readBody(request, payload, limit, refuse, isJson ? refuseOtherThanJson : refuseOtherThanText);
    return isJson ? parseJson(body) : body;
  });
}

const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Requests in JSON name things; 10,000 ids take 200 kB. */
const JSON_LIMIT = 1024 * 1024;

/** Asked for each piece of a body before it is kept; what it returns says why it may not be. */
type Refuse = (bytes: number, total: number) => Problem | undefined;

/**
 * @throws Problem: unsupported-media-type, unsupported-encoding, body-too-large, overloaded, invalid-body, bad-request (cut short)
 */
async function readBody(request: FastifyRequest, payload: Readable, limitBytes: number, refuse: Refuse, refuseType: (header: string | undefined) => void): Promise<Buffer> {
  refuseType(request.headers['content-type']);
  refuseOtherThanChunked(request.headers['transfer-encoding']);
  const decoder = decoderOf(request.headers['content-encoding']);
  if (Number(request.headers['content-length']) > limitBytes) throw tooLarge(limitBytes);
  try {
    return await (decoder === undefined ? collect(payload, refuse) : decode(payload, decoder, refuse));
  } catch (error) {
    throw error instanceof Problem ? error : cutShort(error);
  } finally {
    payload.unpipe();
    payload.resume(); // what is left of a refused body is read and thrown away, so that the client sees the answer
  }
}

const TOP_LEVEL_BINARY = /^(image|audio|video|font|model|multipart|message)\//;
const BINARY_OR_JSON =
  /json|ndjson|octet-stream|protobuf|msgpack|cbor|avro|parquet|arrow|bson|grpc|thrift|pdf|wasm|zip|gzip|zstd|x-tar|x-bzip2?|x-xz|x-7z-compressed|vnd\.rar|vnd\.(ms-|openxml)|java-|x-sqlite3/;

/** Devices send text under many names (`curl -d` says form-urlencoded); types that cannot hold lines are refused. */
function refuseOtherThanText(header: string | undefined): void {
  const type = (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!TOP_LEVEL_BINARY.test(type) && !BINARY_OR_JSON.test(type)) return;
  const hint = /zip|zstd/.test(type) ? ' For a compressed body say Content-Encoding, not Content-Type.' : '';
  throw new Problem('unsupported-media-type', `Lines are sent as text, e.g. Content-Type: text/plain; ${JSON.stringify(type)} is not accepted.${hint}`, { headers: { 'accept-post': 'text/plain' } });
}

/** Node takes `gzip, chunked` and hands on the bytes as they are: lines in a coding nobody has undone. */
function refuseOtherThanChunked(header: string | undefined): void {
  if (header === undefined || header.trim().toLowerCase() === 'chunked') return;
  throw new Problem('unsupported-encoding', `Transfer-Encoding is chunked or none; ${JSON.stringify(header)} is not supported. For a compressed body say Content-Encoding.`);
}

type Decoder = Gunzip | Inflate;

function decoderOf(header: string | undefined): Decoder | undefined {
  switch ((header ?? '').trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    default:
      throw new Problem('unsupported-encoding', `Content-Encoding is gzip, deflate or none; ${JSON.stringify(header)} is not supported.`, { headers: { 'accept-encoding': 'gzip, deflate' } });
  }
}

/** All bytes of a stream. A stream that closes before it ends was cut: whatever came is thrown away. */
function collect(stream: Readable, refuse: Refuse): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      const refused = refuse(chunk.length, bytes);
      if (refused === undefined) {
        chunks.push(chunk);
        return;
      }
      stream.removeAllListeners('data');
      chunks.length = 0;
      reject(refused);
    });
    // Always a copy: a chunk may be a view of a read buffer that is used again, and the body waits in a queue.
    stream.once('end', () => resolve(Buffer.concat(chunks, bytes)));
    stream.once('error', reject);
    stream.once('close', () => (stream.readableEnded ? undefined : reject(cutShort())));
  });
}

/** The decoded bytes, counted while they come out: a small body may unpack to a thousand times its size. */
async function decode(payload: Readable, decoder: Decoder, refuse: Refuse): Promise<Buffer> {
  let received = 0;
  payload.on('data', (chunk: Buffer) => (received += chunk.length));
  payload.once('error', () => decoder.destroy(cutShort()));
  payload.once('close', () => (payload.readableEnded ? undefined : decoder.destroy(cutShort())));
  payload.pipe(decoder);
  try {
    const body = await collect(decoder, refuse);
    // zlib stops at zero bytes behind a member and ignores the rest without a word, lines included.
    if (decoder.bytesWritten < received) throw new Problem('invalid-body', 'The compressed body goes on after its end.');
    return body;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('invalid-body', `The compressed body is truncated or damaged (${(error as Error).message}).`, { cause: error });
  } finally {
    decoder.destroy();
  }
}

function tooLarge(limitBytes: number): Problem {
  return new Problem('body-too-large', `A body holds at most ${limitBytes} bytes, counted after decompression. Send the lines in several requests.`);
}

function cutShort(cause?: unknown): Problem {
  return new Problem('bad-request', 'The body ended before its announced end; nothing was stored.', { cause });
}

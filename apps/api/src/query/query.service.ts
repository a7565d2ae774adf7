import { pipeline, Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { endpointRead, isPage, pageRead, type Cursor, type Cursors, type DescribedEndpoint, type EndpointRequest, type Format } from '@ingot/endpoints';
import type { Freshness } from '@ingot/models';
import { ReadError, type CopyRead, type CopyRequest } from '@ingot/postgres';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { contentDisposition } from './attachment.js';
import { chooseEncoding, compress, type ContentCoding } from './compress.js';
import { entityTag, matches } from './entity-tag.js';
import { askFreshness, type AskedFreshness, type FreshnessOptions } from './freshness.js';
import { negotiate } from './negotiate.js';
import { withCursor } from './page-links.js';
import { parametersOf, toQueryProblem } from './read-problems.js';
import { SharedResults, type Result } from './shared-results.js';

export const QUERY_OPTIONS = Symbol('QUERY_OPTIONS');

export interface QueryOptions extends FreshnessOptions {
  readonly endpoints: readonly DescribedEndpoint[];
  readonly repository: { copyOut(request: CopyRequest): Promise<CopyRead> };
  /** Writes and reads the cursors of pages. */
  readonly cursors: Cursors;
  /** Bytes of results that are kept for equal requests; 0 = none. */
  readonly cacheBytes: number;
  /** Of the service. */
  readonly version: string;
}

/** What a request asks for. */
interface Wanted {
  readonly endpoint: DescribedEndpoint;
  readonly url: string;
  readonly request: EndpointRequest;
  readonly format: Format;
  readonly coding: ContentCoding;
  readonly cursor: Cursor | undefined;
}

type Headers = Readonly<Record<string, string>>;

/** Answers depend on these of a request's headers. */
const VARY = 'accept, accept-encoding';

@Injectable()
export class QueryService {
  readonly results: SharedResults;

  constructor(@Inject(QUERY_OPTIONS) private readonly options: QueryOptions) {
    this.results = new SharedResults(options.cacheBytes);
  }

  /**
   * Answers a GET or HEAD with the rows of an endpoint. Headers go out when the result is complete, or too large to
   * wait for: until then anything that fails is a problem document, afterwards the connection is cut.
   */
  async respond(endpoint: DescribedEndpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      await this.answer(endpoint, request, reply);
    } catch (error) {
      throw toQueryProblem(error, withCursor(endpoint.path, request.url));
    }
  }

  private async answer(endpoint: DescribedEndpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const gone = leaving(request, reply);
    const wanted = this.wanted(endpoint, request);
    const asked = await this.askFreshness(wanted, request);
    const tag = entityTag({ ...wanted, freshness: asked.freshness, version: this.options.version });
    const headers = { ...asked.headers, ...cacheHeaders(endpoint, asked.freshness, tag) };
    if (tag !== undefined && matches(request.headers['if-none-match'], tag)) return void reply.status(304).headers(headers).send();

    const type = { 'content-type': wanted.format.contentType, ...dispositionHeader(wanted) };
    // An empty string would claim a content-length of 0.
    if (request.method === 'HEAD' && !isPage(endpoint, wanted.request)) return void reply.headers({ ...headers, ...type }).send(Readable.from([]));
    const { body, next } = await this.results.get(tag, gone, (signal) => this.read(wanted, signal));
    const found = { ...headers, ...type, ...(next === undefined ? {} : { link: `<${withCursor(endpoint.path, wanted.url, next)}>; rel="next"` }) };
    if (request.method === 'HEAD') return this.dropBody(body, reply, found);
    await send(body, wanted.coding, reply, found);
  }

  /** @throws Problem or CursorError for a request that cannot be answered, whatever the database holds */
  private wanted(endpoint: DescribedEndpoint, { url, headers }: FastifyRequest): Wanted {
    const request = parametersOf(endpoint, url);
    const format = negotiate(endpoint, request, headers.accept);
    const coding = chooseEncoding(encodingsOf(headers['accept-encoding']), format.compressible);
    const cursor = request.cursor === undefined ? undefined : this.options.cursors.read(request.cursor, endpoint, request);
    return { endpoint, url, request, format, coding, cursor };
  }

  /** A page behind the first shows page one's moment: it waits for nothing, and is not stale. */
  private async askFreshness({ endpoint, cursor }: Wanted, { headers }: FastifyRequest): Promise<AskedFreshness> {
    if (cursor === undefined) return askFreshness(headers.prefer, endpoint.dataset, this.options);
    const { freshness } = await askFreshness(undefined, endpoint.dataset, { ...this.options, freshnessWaitMs: 0 });
    return { freshness: { ...freshness, fresh: true }, headers: {} };
  }

  /** The rows in their format. @throws CursorError, ReadError, the server's own error */
  private async read({ endpoint, request, format, cursor }: Wanted, signal: AbortSignal): Promise<Result<Readable>> {
    const page = isPage(endpoint, request) ? pageRead(endpoint, request, format, cursor) : undefined;
    const read = await this.options.repository.copyOut({ ...(page?.copy ?? endpointRead(endpoint, request, format)), signal });
    try {
      const next = page?.next();
      const link = next === undefined ? {} : { next: this.options.cursors.write(next, endpoint, request) };
      return { body: format.encoder === undefined ? read : pipeline(read, format.encoder(read.columns), () => undefined), ...link };
    } catch (error) {
      read.destroy(); // nobody would take it, and it would hold its room for ever
      throw error;
    }
  }

  private dropBody(body: Readable | Buffer, reply: FastifyReply, headers: Headers): void {
    if (body instanceof Readable) body.destroy();
    void reply.headers(headers).send(Readable.from([]));
  }
}

/** A signal for the moment when nobody waits for the answer any more. */
function leaving(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const leave = (): void => gone.abort(new ReadError('abandoned', 'the client went away'));
  // The server leaves half-closed connections open, for posts; a reader that closes its side is taken to have left.
  const { socket } = request.raw;
  socket.setMaxListeners(0); // one for each pipelined request
  socket.once('end', leave);
  reply.raw.once('close', () => {
    socket.removeListener('end', leave);
    leave();
  });
  return gone.signal;
}

/** What is stale is nothing to keep, for nobody; all else may be kept, and asked about unless the endpoint says for how long. */
function cacheHeaders({ cache }: DescribedEndpoint, { fresh }: Freshness, tag: string | undefined): Headers {
  const control = !fresh ? 'no-store' : cache === undefined ? 'no-cache' : `max-age=${cache.maxAgeSeconds}`;
  return { 'cache-control': control, vary: VARY, ...(tag === undefined ? {} : { etag: tag }) };
}

function dispositionHeader({ endpoint, request, format }: Wanted): Headers {
  const disposition = contentDisposition(endpoint, request, format);
  return disposition === undefined ? {} : { 'content-disposition': disposition };
}

async function send(body: Readable | Buffer, coding: ContentCoding, reply: FastifyReply, headers: Headers): Promise<void> {
  const isPlain = coding.encoding === 'identity';
  const coded = isPlain ? { body, encoding: coding.encoding } : await compress(body instanceof Readable ? body : Readable.from([body]), coding);
  void reply.headers({ ...headers, ...(coded.encoding === 'identity' ? {} : { 'content-encoding': coded.encoding }) }).send(coded.body);
}

function encodingsOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}

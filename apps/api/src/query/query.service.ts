import { pipeline, Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { confineRequest, endpointRead, isPage, pageRead, type Cursor, type Cursors, type DescribedEndpoint, type EndpointRequest, type Format } from '@ingot/endpoints';
import { arrivalQuery, type Freshness } from '@ingot/models';
import { ReadError, type CopyRead, type ReplicaRequest } from '@ingot/postgres';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import { principalOf, type Principal } from '../principal.js';
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
  readonly repository: { copyOut(request: ReplicaRequest): Promise<CopyRead> };
  /** Reads may be answered by a server that replays what the primary has published. */
  readonly mayBeBehind?: boolean;
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
  /** The device whose rows are all that the client may see; absent = it may see all. */
  readonly confinedTo: string | undefined;
  readonly principal: Principal;
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
    const tag = entityTag({ ...wanted, freshness: asked.freshness, version: this.options.version, ...(wanted.confinedTo === undefined ? {} : { scope: `device ${wanted.confinedTo}` }) });
    const headers = { ...asked.headers, ...cacheHeaders(wanted, asked.freshness, tag) };
    if (tag !== undefined && matches(request.headers['if-none-match'], tag)) return void reply.status(304).headers(headers).send();

    const type = { 'content-type': wanted.format.contentType, ...dispositionHeader(wanted) };
    // An empty string would claim a content-length of 0.
    if (request.method === 'HEAD' && !isPage(endpoint, wanted.request)) return void reply.headers({ ...headers, ...type }).send(Readable.from([]));
    const { body, next } = await this.results.get(tag, gone, (signal) => this.read(wanted, asked, signal));
    const found = { ...headers, ...type, ...(next === undefined ? {} : { link: `<${withCursor(endpoint.path, wanted.url, next)}>; rel="next"` }) };
    if (request.method === 'HEAD') return this.dropBody(body, reply, found);
    await send(body, wanted.coding, reply, found);
  }

  /** @throws Problem or CursorError for a request that cannot be answered, whatever the database holds */
  private wanted(endpoint: DescribedEndpoint, fastifyRequest: FastifyRequest): Wanted {
    const { url, headers } = fastifyRequest;
    const principal = principalOf(fastifyRequest);
    const confinedTo = confinement(endpoint, principal);
    const asked = parametersOf(endpoint, url);
    const request = confinedTo === undefined ? asked : confineRequest(endpoint, asked, confinedTo);
    const format = negotiate(endpoint, request, headers.accept);
    const coding = chooseEncoding(encodingsOf(headers['accept-encoding']), format.compressible);
    const cursor = request.cursor === undefined ? undefined : this.options.cursors.read(request.cursor, endpoint, request);
    return { endpoint, url, request, format, coding, cursor, confinedTo, principal };
  }

  /** A page behind the first shows page one's moment: it waits for nothing, and is not stale. */
  private async askFreshness({ endpoint, cursor }: Wanted, { headers }: FastifyRequest): Promise<AskedFreshness> {
    if (cursor === undefined) return askFreshness(headers.prefer, endpoint.dataset, this.options);
    const { freshness } = await askFreshness(undefined, endpoint.dataset, { ...this.options, freshnessWaitMs: 0 });
    return { freshness: { ...freshness, fresh: true }, headers: {}, waitLeftMs: 0 };
  }

  /** The rows in their format. @throws CursorError, ReadError, the server's own error */
  private async read({ endpoint, request, format, cursor }: Wanted, asked: AskedFreshness, signal: AbortSignal): Promise<Result<Readable>> {
    const page = isPage(endpoint, request) ? pageRead(endpoint, request, format, cursor) : undefined;
    const where = this.options.mayBeBehind === true ? { arrived: arrivalOf(endpoint.dataset, asked.freshness, cursor), replicaWaitMs: asked.waitLeftMs } : {};
    const read = await this.options.repository.copyOut({ ...(page?.copy ?? endpointRead(endpoint, request, format)), ...where, signal });
    try {
      const next = page?.next();
      const link = next === undefined ? {} : { next: this.options.cursors.write(next, endpoint, request) };
      return { body: pipeline(read, format.encoder(read.columns, endpoint.omitNull), () => undefined), ...link };
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

/**
 * What a replica must hold: all that the headers and the tag say of the answer. Without a run read for this request (the
 * primary could not be asked, or a backlog is known) the moment of the last one this process knows.
 */
function arrivalOf(dataset: string, { runId, watermarkAt }: Freshness, cursor: Cursor | undefined): string | undefined {
  const isNewer = cursor !== undefined && (runId === undefined || cursor.runId > runId);
  return arrivalQuery(dataset, isNewer ? { runId: cursor.runId } : { runId, watermarkAt });
}

/** A signal for the moment when nobody waits for the answer any more; none when it was given whole. */
function leaving(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const leave = (): void => gone.abort(new ReadError('abandoned', 'the client went away'));
  // The server leaves half-closed connections open, for posts; a reader that closes its side is taken to have left.
  const { socket } = request.raw;
  socket.setMaxListeners(0); // one for each pipelined request
  socket.once('end', leave);
  reply.raw.once('close', () => {
    socket.removeListener('end', leave);
    if (!reply.raw.writableFinished) leave();
  });
  return gone.signal;
}

/**
 * The device whose rows the answer is made of; undefined = all. The route has let the request on by then; whoever it was
 * who did not look sees nothing here.
 * @throws Problem forbidden
 */
function confinement({ deviceParameter, path }: DescribedEndpoint, { device, scopes }: Principal): string | undefined {
  if (scopes.has('read:all')) return undefined;
  if (scopes.has('read:own') && device !== undefined && deviceParameter !== undefined) return device;
  throw new Problem('forbidden', `${path} takes the scope read:all.`);
}

/** Whoever brought a key is given what no shared cache may hand on to another, nor a browser after the next one has signed in. */
function isPrivate({ keyId, subject, scopes, device }: Principal): boolean {
  return keyId !== undefined || subject !== undefined || device !== undefined || !scopes.has('admin');
}

/** What is stale is nothing to keep, for nobody; all else may be kept, and asked about unless the endpoint says for how long. */
function cacheHeaders({ endpoint: { cache }, principal }: Wanted, { fresh }: Freshness, tag: string | undefined): Headers {
  const control = !fresh ? 'no-store' : cache === undefined ? 'no-cache' : `max-age=${cache.maxAgeSeconds}`;
  const hasKey = isPrivate(principal);
  return { 'cache-control': hasKey && fresh ? `private, ${control}` : control, vary: hasKey ? `${VARY}, authorization, x-api-key` : VARY, ...(tag === undefined ? {} : { etag: tag }) };
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

import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { endpointRead, FORMATS, ParameterError, readRequest, type Endpoint, type EndpointRequest, type Query } from '@ingot/endpoints';
import type { Freshness } from '@ingot/models';
import { ReadError, type CopyRead, type CopyRequest } from '@ingot/postgres';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../logger.js';
import { Problem } from '../problem.js';

export const QUERY_OPTIONS = Symbol('QUERY_OPTIONS');

export interface QueryOptions {
  readonly endpoints: readonly Endpoint[];
  readonly repository: { copyOut(request: CopyRequest): Promise<CopyRead> };
  /** Has the dataset brought up to now, waiting at most so many milliseconds. */
  readonly freshness: (dataset: string, timeoutMs: number) => Promise<Freshness>;
  /** How long a request waits for that; 0 = never. */
  readonly freshnessWaitMs: number;
  readonly logger: Logger;
}

// The freshness is asked with a limit of its own; a database that hangs must not hold a request beyond that.
const FRESHNESS_OVERDUE_MS = 500;

@Injectable()
export class QueryService {
  constructor(@Inject(QUERY_OPTIONS) private readonly options: QueryOptions) {}

  /**
   * Answers a GET or HEAD with the rows of an endpoint. Headers go out at the first byte of the result: until then
   * anything that fails is a problem document, afterwards the connection is cut.
   */
  async respond(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    // The server leaves half-closed connections open, for posts; a reader that closes its side is taken to have left.
    const { socket } = request.raw;
    socket.once('end', leave);
    reply.raw.once('close', () => {
      socket.removeListener('end', leave);
      leave();
    });
    const wanted = parametersOf(endpoint, request.query as Query);
    const freshness = await this.freshness(endpoint.dataset);
    const headers = { 'content-type': FORMATS[wanted.format].contentType, ...freshnessHeaders(freshness) };
    if (request.method === 'HEAD') {
      void reply.headers(headers).send(Readable.from([])); // an empty string would claim a content-length of 0
      return;
    }
    const read = await this.read({ ...endpointRead(endpoint, wanted), signal: gone.signal });
    void reply.headers(headers).send(read);
  }

  private async read(request: CopyRequest): Promise<CopyRead> {
    try {
      return await this.options.repository.copyOut(request);
    } catch (error) {
      throw error instanceof ReadError ? toProblem(error) : error;
    }
  }

  private async freshness(dataset: string): Promise<Freshness> {
    const { freshness, freshnessWaitMs, logger } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<Freshness>((resolve) => {
      timer = setTimeout(() => resolve({ fresh: false, reason: 'timeout' }), freshnessWaitMs + FRESHNESS_OVERDUE_MS);
    });
    try {
      return await Promise.race([freshness(dataset, freshnessWaitMs), overdue]);
    } catch (error) {
      logger.warn({ err: error, dataset }, 'the freshness of the dataset is not known');
      return { fresh: false, reason: 'unavailable' };
    } finally {
      clearTimeout(timer);
    }
  }
}

function parametersOf(endpoint: Endpoint, query: Query): EndpointRequest {
  try {
    return readRequest(endpoint, query);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new Problem('invalid-parameter', error.message, { members: { errors: error.problems }, cause: error });
  }
}

function freshnessHeaders({ fresh, reason, watermarkAt }: Freshness): Record<string, string> {
  return {
    ...(watermarkAt === undefined ? {} : { 'ingot-watermark': watermarkAt.toISOString() }),
    ...(fresh ? {} : { 'ingot-stale': reason ?? 'unknown' }),
  };
}

function toProblem(error: ReadError): Problem {
  switch (error.code) {
    case 'pool exhausted':
      return new Problem('overloaded', 'All connections for reading are busy. Try again.', { cause: error });
    case 'too slow':
      return new Problem('overloaded', 'The rows could not be read in the time a read may take. Ask for a smaller range.', { cause: error });
    case 'breaker open':
    case 'unavailable':
      return new Problem('database-unavailable', 'The database cannot be read at the moment. Try again.', { cause: error });
    case 'abandoned':
      return new Problem('request-timeout', 'The client went away.', { cause: error });
  }
}

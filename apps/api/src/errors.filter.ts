import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { redactSecrets } from '@ingot/config';
import { isConnectionError } from '@ingot/postgres';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from './logger.js';
import { problems } from './measuring-points.js';
import { Problem, PROBLEM_TYPE, type ProblemCode } from './problem.js';

/** What HTTP itself refuses (Fastify's and Nest's own errors), by status. */
const BY_STATUS: Record<number, ProblemCode> = {
  400: 'bad-request',
  404: 'not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  408: 'request-timeout',
  413: 'body-too-large',
  414: 'url-too-long',
  415: 'unsupported-media-type',
  503: 'overloaded',
};
/** What a handler may have set for the answer that it then could not give. */
const OF_THE_ANSWER = ['content-encoding', 'content-length', 'content-disposition', 'etag', 'link', 'cache-control'];
const WARN_EVERY_MS = 1_000;

/** Turns whatever a request threw into one problem body. Nothing but a Problem's own words reaches the client. */
@Catch()
export class ErrorsFilter implements ExceptionFilter {
  private readonly lastWarnings = new Map<ProblemCode, { at: number; left: number }>();

  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy(); // never a well-formed end to a document that broke off
      return;
    }
    const problem = toProblem(error);
    problems.publish({ code: problem.code, status: problem.status, route: request.routeOptions?.url });
    if (problem.status === 500) this.logger.error({ err: error, request: request.id, route: request.routeOptions?.url }, 'request failed');
    else this.refused(problem, request.id);
    for (const name of OF_THE_ANSWER) reply.removeHeader(name);
    void reply
      .status(problem.status)
      .headers({ 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...problem.headers })
      .send(redactSecrets(JSON.stringify(problem.body(request.id))));
  }

  /**
   * What we could not do is a warning, what the client did wrong is not. In an outage every request is refused: one line
   * a second and kind says so, with the number of those left out.
   */
  private refused(problem: Problem, request: string): void {
    const fields = { request, problem: problem.code, status: problem.status, detail: problem.message };
    if (problem.status < 500) return this.logger.debug(fields, 'request refused');
    const now = Date.now();
    const last = this.lastWarnings.get(problem.code) ?? { at: 0, left: 0 };
    if (now - last.at < WARN_EVERY_MS) {
      last.left++;
      return;
    }
    this.lastWarnings.set(problem.code, { at: now, left: 0 });
    this.logger.warn({ ...fields, left_out: last.left, err: problem.cause }, 'request refused');
  }
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isConnectionError(error)) return new Problem('database-unavailable', 'The database cannot be reached. Try again.', { cause: error });
  const status = error instanceof HttpException ? error.getStatus() : ((error as { statusCode?: unknown } | null)?.statusCode ?? 500);
  const code = BY_STATUS[status as number];
  // Below 500 the message is about the request; Fastify and Nest write it for the client.
  return code === undefined
    ? new Problem('internal', 'The request failed. Its id is in the log.', { cause: error })
    : new Problem(code, (error as Error).message, { cause: error });
}

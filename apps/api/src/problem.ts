/**
 * Every problem the service reports: its HTTP status and title. The key is the stable part of the `type` URI, and a
 * section of docs/errors.md.
 */
export const PROBLEMS = {
  'invalid-lines': [400, 'Lines were rejected; nothing was stored'],
  'no-readings': [400, 'The body holds no readings'],
  'invalid-body': [400, 'The body is not readable text'],
  'invalid-parameter': [400, 'A parameter is missing or wrong'],
  'too-many-rows': [400, 'The answer would have too many rows'],
  'bad-request': [400, 'The request is not understood'],
  'credentials-unclear': [400, 'The request carries two credentials'],
  'credentials-in-url': [400, 'The URL holds a key'],
  unauthenticated: [401, 'A good key is missing'],
  forbidden: [403, 'The key does not allow this'],
  'foreign-page': [403, 'A page of another site has asked'],
  'not-found': [404, 'There is no such route'],
  'no-such-resource': [404, 'There is nothing of this name or number'],
  'method-not-allowed': [405, 'The route does not answer this method'],
  'not-acceptable': [406, 'None of the accepted formats is offered'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'idempotency-in-flight': [409, 'A request with this Idempotency-Key is still in flight'],
  'cursor-expired': [410, 'The page cannot be continued'],
  'body-too-large': [413, 'The body is too large'],
  'url-too-long': [414, 'A part of the path is too long'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'unsupported-encoding': [415, 'The content encoding is not supported'],
  'expectation-failed': [417, 'The expectation cannot be met'],
  'too-many-devices': [422, 'There are as many devices as there may be'],
  'idempotency-mismatch': [422, 'The Idempotency-Key was used with another body'],
  'quota-exceeded': [429, 'The quota is used up'],
  'too-many-attempts': [429, 'Too many wrong keys'],
  'headers-too-large': [431, 'The headers are too large'],
  internal: [500, 'Something went wrong on our side'],
  'unknown-method': [501, 'There is no such method'],
  overloaded: [503, 'The service is busy'],
  'database-unavailable': [503, 'The database cannot be reached'],
  'not-applied': [503, 'The database does not hold what this endpoint reads yet'],
  'identity-unavailable': [503, 'The token cannot be checked'],
  'shutting-down': [503, 'The service is stopping'],
  'insufficient-storage': [507, 'The disk is nearly full'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** What a problem body is sent as. */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * Seconds after which the same request has a chance: a queue or pool drains within a second, the breaker of reads tries
 * the database again every two seconds, and another process takes over, or this one is back, in about five. Where many are
 * refused at once each is told another second, so that they do not all come back in the same one.
 */
const RETRY_AFTER: Partial<Record<ProblemCode, readonly [least: number, most: number]>> = {
  'idempotency-in-flight': [1, 1],
  overloaded: [1, 5],
  'database-unavailable': [2, 6],
  'not-applied': [30, 60],
  'identity-unavailable': [5, 10],
  'shutting-down': [5, 10],
  'insufficient-storage': [30, 60],
};

function retryAfter(code: ProblemCode): string | undefined {
  const range = RETRY_AFTER[code];
  return range === undefined ? undefined : String(range[0] + Math.floor(Math.random() * (range[1] - range[0] + 1)));
}

/** The `type` of a code's problems: a full path, as RFC 9457 3.1.1 wants of relative references. The service answers it with a page. */
export function problemType(code: ProblemCode): string {
  return `/docs/errors#${code}`;
}

export interface ProblemOptions {
  /** Further members of the body, e.g. `errors` or `outcome`. */
  members?: Record<string, unknown>;
  /** Further response headers, e.g. `retry-after`. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** An error with an answer for the client. `detail` is shown as it is: no internals in it. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly members: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    readonly code: ProblemCode,
    detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, { cause: options.cause });
    this.status = PROBLEMS[code][0];
    this.members = options.members ?? {};
    const seconds = retryAfter(code);
    this.headers = { ...(seconds === undefined ? {} : { 'retry-after': seconds }), ...options.headers };
  }

  /** The RFC 9457 body. `success: false` is what clients of `/data` look for. */
  body(instance: string): Record<string, unknown> {
    const [status, title] = PROBLEMS[this.code];
    return { success: false, type: problemType(this.code), title, status, detail: this.message, instance, ...this.members };
  }
}

/** What is wrong with one parameter, header or member of a request, in words for the client. */
export interface WrongParameter {
  readonly parameter: string;
  readonly code: 'missing' | 'invalid' | 'repeated' | 'unknown' | 'order' | 'too-wide';
  readonly detail: string;
}

/** A request's head has room for thousands of wrong names: the answer is not to be much larger. */
const MAX_LISTED = 100;

/** The problem of a request with these mistakes. */
export function wrongParameters(mistakes: readonly WrongParameter[], cause?: unknown): Problem {
  const errors = mistakes.slice(0, MAX_LISTED);
  return new Problem('invalid-parameter', errors.map(({ parameter, detail }) => `${parameter} ${detail}`).join('; '), { members: { errors }, cause });
}

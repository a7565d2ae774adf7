/** Every problem the service reports: its HTTP status and title. The key is the stable part of the `type` URI. */
export const PROBLEMS = {
  'invalid-lines': [400, 'Lines were rejected; nothing was stored'],
  'no-readings': [400, 'The body holds no readings'],
  'invalid-body': [400, 'The body is not readable text'],
  'invalid-parameter': [400, 'A parameter is missing or wrong'],
  'bad-request': [400, 'The request is not understood'],
  'not-found': [404, 'There is no such route'],
  'method-not-allowed': [405, 'The route does not answer this method'],
  'not-acceptable': [406, 'None of the accepted formats is offered'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'idempotency-in-flight': [409, 'A request with this Idempotency-Key is still in flight'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The content type is not text'],
  'unsupported-encoding': [415, 'The content encoding is not supported'],
  'idempotency-mismatch': [422, 'The Idempotency-Key was used with another body'],
  'headers-too-large': [431, 'The headers are too large'],
  internal: [500, 'Something went wrong on our side'],
  overloaded: [503, 'The service is busy'],
  'database-unavailable': [503, 'The database cannot be reached'],
  'shutting-down': [503, 'The service is stopping'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof PROBLEMS;

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
    this.headers = options.headers ?? {};
  }

  /** The RFC 9457 body. `success: false` is what clients of `/data` look for. */
  body(instance: string): Record<string, unknown> {
    const [status, title] = PROBLEMS[this.code];
    return { success: false, type: `urn:ingot:problem:${this.code}`, title, status, detail: this.message, instance, ...this.members };
  }
}

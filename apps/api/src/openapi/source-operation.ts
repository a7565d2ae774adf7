import type { ProblemCode } from '../problem.js';
import { problemsOfAccess, securityOf } from './security.js';
import { header, operationId, problemResponses, REQUEST_ID, type Operation } from './operation.js';

/** A declared way in, as far as the document shows it. */
export interface DocumentedSource {
  readonly dataset: string;
  readonly path: string;
  /** Of one body, decoded. */
  readonly limits: { readonly bytes: number; readonly lines: number; readonly lineBytes: number };
}

const CODES: readonly ProblemCode[] = [
  ...(['invalid-lines', 'no-readings', 'invalid-body', 'invalid-parameter', 'request-timeout', 'idempotency-in-flight'] as const),
  ...(['body-too-large', 'unsupported-media-type', 'unsupported-encoding', 'too-many-devices', 'idempotency-mismatch', 'quota-exceeded', 'overloaded', 'database-unavailable', 'shutting-down', 'insufficient-storage'] as const),
];

/** What the POST of a source takes and answers. */
export function sourceOperation({ dataset, path, limits }: DocumentedSource): Operation {
  return {
    operationId: operationId('post', path),
    tags: [dataset],
    summary: 'Store readings',
    description:
      'One reading a line, `timestamp name value`, separated by blanks or tabs. All or nothing: 200 means that every line is stored, after COMMIT with fsync; any other status that none is, unless `outcome` says `unknown`.',
    parameters: [
      { name: 'precision', in: 'query', required: false, description: 'The unit of the timestamps', schema: { type: 'string', enum: ['s', 'ms', 'us', 'ns'], default: 's' } },
      headerParameter('X-Device-Id', 'The device that the readings belong to; without it they belong to the device `default`', 128),
      headerParameter('Idempotency-Key', 'Makes a retry safe: the same key and body are stored once', 255),
      { name: 'Content-Encoding', in: 'header', required: false, description: 'How the body is compressed', schema: { type: 'string', enum: ['identity', 'gzip', 'x-gzip', 'deflate'] } },
    ],
    requestBody: {
      required: true,
      description: `Text in UTF-8 under any text type, at most ${limits.bytes} bytes after decompression and ${limits.lines} lines of ${limits.lineBytes} bytes.`,
      content: { 'text/plain': { schema: { type: 'string' }, examples: { readings: { summary: 'Four readings', value: EXAMPLE } } } },
    },
    security: securityOf('ingest'),
    responses: {
      200: {
        description: 'Every line is stored.',
        headers: { ...REQUEST_ID, ...QUOTA_HEADERS, 'Idempotency-Replayed': header('true: the lines were stored by an earlier request with this Idempotency-Key', { const: 'true' }) },
        content: { 'application/json': { schema: { type: 'object', additionalProperties: false, required: ['success'], properties: { success: { const: true } } } } },
      },
      ...problemResponses([...CODES, ...problemsOfAccess('ingest')]),
    },
  };
}

const QUOTA_HEADERS = {
  'RateLimit-Policy': header('The quotas of whoever asks, where there are any: `"lines";q=5000;w=10;qu="lines", "bytes";q=1000000000;w=86400;qu="content-bytes"`', { type: 'string' }),
  RateLimit: header('What is left of them (`r`), and in how many seconds all of it is there again (`t`)', { type: 'string' }),
};

const EXAMPLE = '1649941817 Voltage 1.34\n1649941818 Voltage 1.35\n1649941817 Current 12.0\n1649941818 Current 14.0';

function headerParameter(name: string, description: string, maxLength: number): Record<string, unknown> {
  return { name, in: 'header', required: false, description, schema: { type: 'string', minLength: 1, maxLength, pattern: '^[ -~]+$' } };
}

import type { IncomingMessage } from 'node:http';
import { didYouMean } from '@ingot/datasets';
import { wrongParameters, type WrongParameter } from '../problem.js';
import { DEFAULT_DEVICE } from './batch.js';
import { PRECISIONS, type Precision } from './line-limits.js';

/** Joined, as Node does with a header that is repeated, and apart. */
export type Headers = Pick<IncomingMessage, 'headers' | 'headersDistinct'>;

export interface BatchParameters {
  readonly precision: Precision;
  readonly device: string;
  readonly key?: string;
}

const MAX_DEVICE_LENGTH = 128;
const MAX_KEY_LENGTH = 255;
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/**
 * What a POST says beside its lines.
 * @throws Problem invalid-parameter naming everything that is wrong
 */
export function readBatchParameters(query: Readonly<Record<string, unknown>>, request: Headers): BatchParameters {
  const problems: WrongParameter[] = Object.keys(query)
    .filter((name) => name !== 'precision')
    .map((name) => ({ parameter: name, code: 'unknown', detail: `is not a parameter${didYouMean(name, ['precision']) || '; the only one is precision'}` }));
  const precision = precisionOf(query.precision, problems);
  const device = plainHeader(request, 'X-Device-Id', MAX_DEVICE_LENGTH, problems);
  const key = plainHeader(request, 'Idempotency-Key', MAX_KEY_LENGTH, problems);
  if (problems.length > 0) throw wrongParameters(problems);
  return { precision, device: device ?? DEFAULT_DEVICE, ...(key === undefined ? {} : { key }) };
}

function precisionOf(given: unknown, problems: WrongParameter[]): Precision {
  if (given === undefined) return 's';
  if (typeof given === 'string' && Object.hasOwn(PRECISIONS, given)) return given as Precision;
  if (Array.isArray(given)) problems.push({ parameter: 'precision', code: 'repeated', detail: 'is given more than once' });
  else problems.push({ parameter: 'precision', code: 'invalid', detail: `must be one of ${Object.keys(PRECISIONS).join(', ')}` });
  return 's';
}

/** A header of 1 to `longest` printable ASCII characters, given once, or undefined when it is absent. */
function plainHeader(request: Headers, shownName: string, longest: number, problems: WrongParameter[]): string | undefined {
  const name = shownName.toLowerCase();
  const value = request.headers[name];
  if (value === undefined) return undefined;
  if (request.headersDistinct[name]?.length !== 1) problems.push({ parameter: shownName, code: 'repeated', detail: 'is given more than once' });
  else if (typeof value !== 'string' || value.length > longest || !PRINTABLE_ASCII.test(value)) problems.push({ parameter: shownName, code: 'invalid', detail: `must hold 1 to ${longest} printable ASCII characters` });
  return typeof value === 'string' ? value : undefined;
}

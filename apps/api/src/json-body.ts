import { Problem } from './problem.js';

/** Config of a route whose body is JSON; other routes take text. A form of another site cannot send that unasked. */
export const JSON_BODY = { body: 'json' } as const;

/** @param config that of a Fastify route */
export function takesJson(config: object): boolean {
  return (config as { body?: unknown }).body === JSON_BODY.body;
}

/** @throws Problem unsupported-media-type */
export function refuseOtherThanJson(header: string | undefined): void {
  const type = (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return;
  throw new Problem('unsupported-media-type', `This route takes Content-Type: application/json; not ${JSON.stringify(type)}.`, { headers: { 'accept-post': 'application/json' } });
}

/** @throws Problem invalid-body */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch (error) {
    throw new Problem('invalid-body', `The body is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

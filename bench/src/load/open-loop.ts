import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProcess } from '../process.js';
import type { MovingBody } from '../sensor-lines.js';

/** Requests that leave at their appointed time whether or not earlier ones have been answered. */
export interface OpenLoad {
  /** Taken in turn. All go to one server. */
  readonly requests: readonly OpenRequest[];
  readonly perSecond: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface OpenRequest {
  readonly url: string;
  /** What is posted; undefined = GET. */
  readonly body?: string | MovingBody;
  /** The requests of a moving body that have been sent before. */
  readonly sent?: number;
}

export interface OpenResult {
  /** Of those answered with 200, from the appointed time to the last byte, so that a stall counts for everyone who would have come. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answered with 200. */
  readonly answered: number;
  /** Answered with another status, e.g. 503 when the service has too much to do, or not at all. */
  readonly failed: number;
  /** What became of the first of those. */
  readonly failure?: string;
}

/** Applies it from a process of its own. @throws Error when nothing was answered: that is no load */
export async function openLoop(load: OpenLoad): Promise<OpenResult> {
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'open-loop-process.js');
  const output = await runProcess(process.execPath, [script, JSON.stringify(load)]);
  const result = JSON.parse(output.split('\n').findLast((text) => text.startsWith('{')) ?? '{}') as OpenResult;
  if (!(result.answered > 0)) throw new Error(`all of ${result.failed} requests failed: ${result.failure}`);
  return result;
}

/** The share of requests that got no 200, in percent. */
export function failedPercent({ answered, failed }: OpenResult): number {
  return (100 * failed) / (answered + failed);
}

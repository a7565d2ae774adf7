import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProcess } from '../process.js';

/** Requests that leave at their appointed time whether or not earlier ones have been answered. */
export interface OpenLoad {
  /** Taken in turn. */
  readonly requests: readonly OpenRequest[];
  readonly perSecond: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface OpenRequest {
  readonly url: string;
  /** What is posted; undefined = GET. */
  readonly body?: string;
}

export interface OpenResult {
  /** From the appointed time to the last byte of the answer, so that a stall counts for everyone who would have come. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly sent: number;
}

/** Applies it from a process of its own. @throws Error when a request was refused or lost */
export async function openLoop(load: OpenLoad): Promise<OpenResult> {
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'open-loop-process.js');
  const output = await runProcess(process.execPath, [script, JSON.stringify(load)]);
  const result = JSON.parse(output.split('\n').findLast((text) => text.startsWith('{')) ?? '{}') as OpenResult & { failed: number; failure?: string };
  if (result.failed > 0 || !(result.sent > 0)) throw new Error(`${result.failed} of ${result.sent} requests failed: ${result.failure}`);
  return result;
}

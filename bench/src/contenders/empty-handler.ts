import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess, untilReady } from '../process.js';
import type { Stage } from '../workload.js';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const LISTENS = /^listens (\S+)$/m;

/** A program of this folder that says `listens <url>` when it does. */
export async function startNodeProgram(stage: Stage, file: string, args: readonly string[] = []): Promise<string> {
  const program = startProcess(process.execPath, [path.join(HERE, file), ...args]);
  stage.atEnd(() => program.stop());
  return untilReady(program, () => LISTENS.exec(program.output())?.[1]);
}

/** The floor of every POST: the same framework takes the body and answers, and does nothing else. */
export function startEmptyHandler(stage: Stage): Promise<string> {
  return startNodeProgram(stage, 'empty-handler-process.js');
}

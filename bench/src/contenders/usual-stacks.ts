import path from 'node:path';
import { freePort, installed, runProcess, startProcess, untilReady } from '../process.js';
import type { Stage } from '../workload.js';
import { startNodeProgram } from './empty-handler.js';

/** NestJS and TypeORM on the same server. @returns its address */
export function startNestStack(stage: Stage, databaseUrl: string): Promise<string> {
  return startNodeProgram(stage, 'usual-stack-process.js', [inPublic(databaseUrl)]);
}

/** Flask and psycopg2 on the same server; a reason in words where it is not installed. */
export async function startFlaskStack(stage: Stage, databaseUrl: string): Promise<{ url: string } | { absent: string }> {
  const python = await pythonWithFlask();
  if (python === undefined) return { absent: 'Flask: python3 with flask and psycopg2 is not installed' };
  const port = await freePort();
  const program = startProcess(python, [path.resolve('bench/src/contenders/usual-stack-flask.py')], { BENCH_DATABASE_URL: inPublic(databaseUrl), BENCH_PORT: String(port) });
  stage.atEnd(() => program.stop());
  const url = `http://127.0.0.1:${port}`;
  await untilReady(program, () => fetch(url).then(() => true, () => undefined));
  return { url };
}

/** Their tables go to `public`: the user is called like the service's own schema, which would otherwise come first. */
function inPublic(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', '-csearch_path=public'); // without a space, which URL and libpq write in two ways
  return url.toString();
}

/** The first Python of the path, or the system's own, that has both packages. */
async function pythonWithFlask(): Promise<string | undefined> {
  for (const python of [installed('python3'), '/usr/bin/python3']) {
    const works = python !== undefined && (await runProcess(python, ['-c', 'import flask, psycopg2']).then(() => true, () => false));
    if (works) return python;
  }
  return undefined;
}

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed, runProcess } from '../process.js';
import type { MovingBody } from '../sensor-lines.js';

/** So many connections, each sending its next request when it has the answer to the last one. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** What is posted; undefined = GET. */
  readonly body?: Buffer | MovingBody;
  /** The requests of a moving body that have been sent before. */
  readonly sent?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the generator's files may be written. */
  readonly folder: string;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** No later body of a moving one has been sent. */
  readonly sent: number;
}

/**
 * Applies a load from a process of its own: wrk when it is installed, as it costs a fraction of the processor, else
 * autocannon.
 * @throws Error when any request was refused or lost: a rate of refusals is no rate
 */
export async function closedLoop(load: Load): Promise<LoadResult> {
  const wrk = installed('wrk');
  return wrk === undefined ? byAutocannon(load) : byWrk(wrk, load);
}

/** The generator that closedLoop uses here, for the report. */
export function generatorName(): string {
  return installed('wrk') === undefined ? 'autocannon' : 'wrk';
}

async function byWrk(wrk: string, load: Load): Promise<LoadResult> {
  const { url, connections, seconds, body, headers = {}, folder, sent = 0 } = load;
  const script = path.join(folder, 'load.lua');
  const bodyFile = path.join(folder, 'load.body');
  writeFileSync(bodyFile, textOf(body));
  writeFileSync(script, [...luaRequest(bodyFile, body, sent), ...luaHeaders(headers), ...LUA_RESULT].join('\n'));
  const output = await runProcess(wrk, ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script, url]);
  const found = /^RESULT (\{.*\})$/m.exec(output);
  if (found === null) throw new Error(`wrk said nothing of its result:\n${output}`);
  return resultOf(load, found[1]!);
}

/** What a generator says of its load; times in milliseconds, but for `seconds`. */
interface Outcome {
  readonly requests: number;
  readonly seconds: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

function resultOf({ url, connections, sent = 0 }: Load, text: string): LoadResult {
  const { requests, seconds, failed, p50, p99 } = JSON.parse(text) as Outcome;
  if (failed > 0 || !(requests > 0)) throw new Error(`${failed} of ${requests} requests to ${url} failed`);
  return { perSecond: requests / seconds, p50Ms: p50, p99Ms: p99, sent: sent + requests + connections };
}

function textOf(body: Load['body']): Buffer | string {
  return body === undefined ? '' : Buffer.isBuffer(body) ? body : body.text;
}

function luaRequest(bodyFile: string, body: Load['body'], sent: number): string[] {
  const read = [`local file = io.open(${JSON.stringify(bodyFile)}, "rb")`, 'local body = file:read("*a")', 'file:close()', `wrk.method = "${body === undefined ? 'GET' : 'POST'}"`];
  if (body === undefined || Buffer.isBuffer(body)) return [...read, 'wrk.body = body'];
  return [...read, `local clock = ${body.first + sent - 1}`, 'function request()', '  clock = clock + 1', '  return wrk.format(nil, nil, nil, (body:gsub("@+", string.format("%d", clock))))', 'end'];
}

function luaHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
}

const LUA_RESULT = [
  'function done(summary, latency)',
  '  local e = summary.errors',
  '  print(string.format(\'RESULT {"requests":%d,"seconds":%f,"failed":%d,"p50":%f,"p99":%f}\', summary.requests, summary.duration / 1e6,',
  '    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))',
  'end',
  '',
];

async function byAutocannon(load: Load): Promise<LoadResult> {
  const { url, connections, seconds, body, headers = {}, folder, sent = 0 } = load;
  const bodyFile = path.join(folder, 'load.body');
  if (Buffer.isBuffer(body)) writeFileSync(bodyFile, body);
  const posted = body === undefined ? {} : Buffer.isBuffer(body) ? { bodyFile } : { moving: body };
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'autocannon-process.js');
  const output = await runProcess(process.execPath, [script, JSON.stringify({ url, connections, seconds, headers, sent, ...posted })]);
  return resultOf(load, output.split('\n').findLast((text) => text.startsWith('{')) ?? '{}');
}

// The open-loop generator in a process of its own: its argument is the load as JSON, its last line the result.
import { bodyAt } from '../sensor-lines.js';
import { quantile } from '../statistics.js';
import type { OpenLoad, OpenRequest } from './open-loop.js';
import { RawConnection } from './raw-connection.js';

interface Ready {
  readonly url: URL;
  readonly bytes: () => Buffer;
}

const { requests, perSecond, seconds, connections } = JSON.parse(process.argv[2] ?? '{}') as OpenLoad;
const ready = requests.map(readyOf);
const idle: RawConnection[] = [];
/** Appointed times of those for which no connection was free, with their requests. */
const queue: { readonly request: Ready; readonly appointed: number }[] = [];
let head = 0; // of the queue: taking from the front of a long array moves all of it
const latencies: number[] = [];
let open = 0;
let failed = 0;
let failure: string | undefined;

function readyOf({ url: text, body, sent = 0 }: OpenRequest): Ready {
  const url = new URL(text);
  const head = `${body === undefined ? 'GET' : 'POST'} ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n`;
  const withBody = (content: string): Buffer => Buffer.from(`${head}Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(content)}\r\n\r\n${content}`);
  if (body === undefined || typeof body === 'string') {
    const bytes = body === undefined ? Buffer.from(`${head}\r\n`) : withBody(body);
    return { url, bytes: () => bytes };
  }
  return { url, bytes: () => withBody(bodyAt(body, sent++)) };
}

/** A connection answers one request, then takes the next that waits. */
async function serve(connection: RawConnection, request: Ready, appointed: number): Promise<void> {
  try {
    const status = await connection.request(request.bytes());
    if (status === 200) latencies.push(performance.now() - appointed);
    else lost(request, `status ${status}`);
  } catch (error) {
    lost(request, (error as Error).message);
  }
  if (!connection.usable) {
    connection.close();
    open--;
  } else idle.push(connection);
  next();
}

function lost({ url }: Ready, words: string): void {
  failed++;
  failure ??= `${url.pathname}${url.search}: ${words}`;
}

function next(): void {
  while (idle.length > 0 || open < connections) {
    const first = queue[head];
    if (first === undefined) return;
    head++;
    let connection = idle.pop();
    while (connection !== undefined && !connection.usable) {
      open--;
      connection = idle.pop();
    }
    if (connection === undefined) {
      connection = new RawConnection(first.request.url);
      open++;
    }
    void serve(connection, first.request, first.appointed);
  }
}

const start = performance.now();
const total = Math.floor(perSecond * seconds);
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
for (let sent = 0; sent < total; ) {
  // A timer comes every millisecond at best: what has fallen due since the last one leaves together.
  const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond) + 1);
  for (; sent < due; sent++) queue.push({ request: ready[sent % ready.length]!, appointed: start + (sent / perSecond) * 1000 });
  next();
  await pause();
}
while (latencies.length + failed < total) await pause();
for (const connection of idle) connection.close();
const answered = latencies.length;
process.stdout.write(`${JSON.stringify({ answered, failed, failure, p50Ms: answered === 0 ? 0 : quantile(latencies, 0.5), p99Ms: answered === 0 ? 0 : quantile(latencies, 0.99) })}\n`);

// The load generator for machines without wrk, in a process of its own: its argument is the load as JSON, its last line the result.
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import { bodyAt, type MovingBody } from '../sensor-lines.js';

interface Order {
  url: string;
  connections: number;
  seconds: number;
  headers: Record<string, string>;
  bodyFile?: string;
  /** Instead, with how many of its requests have been sent before. */
  moving?: MovingBody;
  sent: number;
}

const { url, connections, seconds, headers, bodyFile, moving, sent } = JSON.parse(process.argv[2] ?? '{}') as Order;
const body = bodyFile === undefined ? undefined : readFileSync(bodyFile);
let n = sent;
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  timeout: 30,
  headers,
  method: body === undefined && moving === undefined ? 'GET' : 'POST',
  ...(body === undefined ? {} : { body }),
  ...(moving === undefined ? {} : { requests: [{ setupRequest: (request: autocannon.Request) => ({ ...request, body: bodyAt(moving, n++) }) }] }),
});
process.stdout.write(
  `${JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    failed: result.errors + result.timeouts + result.non2xx,
    p50: result.latency.p50,
    p99: result.latency.p99,
  })}\n`,
);

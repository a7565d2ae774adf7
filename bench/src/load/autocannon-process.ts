// The load generator for machines without wrk, in a process of its own: its argument is the load as JSON, its last line the result.
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

interface Order {
  url: string;
  connections: number;
  seconds: number;
  headers: Record<string, string>;
  bodyFile?: string;
}

const { url, connections, seconds, headers, bodyFile } = JSON.parse(process.argv[2] ?? '{}') as Order;
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  timeout: 30,
  headers,
  method: bodyFile === undefined ? 'GET' : 'POST',
  ...(bodyFile === undefined ? {} : { body: readFileSync(bodyFile) }),
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

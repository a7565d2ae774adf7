// The open-loop generator in a process of its own: its argument is the load as JSON, its last line the result.
import http from 'node:http';
import { quantile } from '../statistics.js';
import type { OpenLoad, OpenRequest } from './open-loop.js';

const { requests, perSecond, seconds, connections } = JSON.parse(process.argv[2] ?? '{}') as OpenLoad;
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
const latencies: number[] = [];
let failed = 0;
let failure: string | undefined;

function send({ url, body }: OpenRequest, appointed: number): Promise<void> {
  return new Promise((resolve) => {
    const lost = (words: string): void => {
      failed++;
      failure ??= `${url}: ${words}`;
      resolve();
    };
    const request = http.request(url, { agent, method: body === undefined ? 'GET' : 'POST', ...(body === undefined ? {} : { headers: { 'content-type': 'text/plain' } }) }, (response) => {
      response.on('data', () => undefined);
      response.once('error', (error) => lost(error.message));
      response.once('end', () => {
        if (response.statusCode !== 200) return lost(`status ${response.statusCode}`);
        latencies.push(performance.now() - appointed);
        resolve();
      });
    });
    request.once('error', (error) => lost(error.message));
    request.end(body);
  });
}

const start = performance.now();
const all: Promise<void>[] = [];
const total = Math.floor(perSecond * seconds);
for (let sent = 0; sent < total; ) {
  // A timer comes every millisecond at best: what has fallen due since the last one leaves together.
  const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond) + 1);
  for (; sent < due; sent++) all.push(send(requests[sent % requests.length]!, start + (sent / perSecond) * 1000));
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await Promise.all(all);
agent.destroy();
process.stdout.write(`${JSON.stringify({ sent: total, failed, failure, p50Ms: latencies.length === 0 ? 0 : quantile(latencies, 0.5), p99Ms: latencies.length === 0 ? 0 : quantile(latencies, 0.99) })}\n`);

import { postWorkload } from './post.js';

/** Gateways that send what they have collected: what a line costs. */
export const postBulk = postWorkload({
  id: 'post-bulk',
  title: 'POST 1,000 lines, 8 connections',
  linesPerRequest: 1_000,
  connections: 8,
  unit: 'lines/s',
  seconds: { full: 3, quick: 2 },
  rounds: { full: 3, quick: 1 },
  targets: [
    { against: 'COPY of the same lines', ratio: 0.6 },
    { against: 'InfluxDB', ratio: 1 },
  ],
});

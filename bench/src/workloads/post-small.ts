import { postWorkload } from './post.js';

/** Many devices, each with a few readings: what a request costs beside its lines. */
export const postSmall = postWorkload({
  id: 'post-small',
  title: 'POST 4 lines, 64 connections, runner on',
  linesPerRequest: 4,
  connections: 64,
  unit: 'requests/s',
  seconds: { full: 5, quick: 2 },
  rounds: { full: 3, quick: 1 },
  targets: [
    { against: 'empty handler', ratio: 0.6 },
    { against: 'NestJS + TypeORM save()', ratio: 10 },
    { against: 'Flask + psycopg2', ratio: 10 },
    { against: 'InfluxDB', ratio: 1 },
  ],
});

import { gzipSync } from 'node:zlib';
import { startEmptyHandler } from '../contenders/empty-handler.js';
import { startIngestOnly } from '../contenders/ingest-only.js';
import { openSession, startIngot, type IngotService } from '../contenders/ingot.js';
import { copyLines } from '../contenders/postgres-floor.js';
import { startInflux, startVictoria, type Found } from '../contenders/time-series.js';
import { startFlaskStack, startNestStack } from '../contenders/usual-stacks.js';
import { closedLoop, generatorName } from '../load/closed-loop.js';
import { bodyAt, movingInfluxLines, movingSensorLines, sensorLines, type MovingBody } from '../sensor-lines.js';
import type { Contender, Prepared, Round, Stage, Target, Workload } from '../workload.js';
import { untilCovered } from './sustained.js';

interface PostSetting {
  readonly id: string;
  readonly title: string;
  readonly linesPerRequest: number;
  readonly connections: number;
  readonly unit: 'requests/s' | 'lines/s';
  readonly seconds: Workload['seconds'];
  readonly rounds: Workload['rounds'];
  readonly targets: readonly Target[];
}

/** Lines in over HTTP: Ingot, its floors, and those who take lines too. */
export function postWorkload(setting: PostSetting): Workload {
  const { id, title, unit, targets, seconds, rounds } = setting;
  return {
    id,
    title,
    targets,
    seconds,
    rounds,
    figures: [{ name: unit, better: 'higher' }, { name: 'p50 ms', better: 'lower' }, { name: 'p99 ms', better: 'lower' }],
    prepare: (stage) => prepare(stage, setting),
  };
}

async function prepare(stage: Stage, setting: PostSetting): Promise<Prepared> {
  const { linesPerRequest, unit } = setting;
  const lines = movingSensorLines(linesPerRequest);
  const post = poster(stage, setting);
  const ingot = await startIngot(stage);
  const withRuns = thenCovered(ingot, post(`${ingot.url}/data`, lines));
  const note = `answers after COMMIT with fsync; load by ${generatorName()}`;
  const own = unit === 'lines/s' ? await bulkContenders(stage, ingot, post, lines, { note, withRuns }) : [{ name: 'Ingot', note, measure: withRuns }];
  const empty = await startEmptyHandler(stage);
  const nest = await startNestStack(stage, ingot.databaseUrl);
  const flask = await startFlaskStack(stage, ingot.databaseUrl);
  const others = await Promise.all([startInflux(stage), startVictoria(stage)]);
  return {
    contenders: [
      ...own,
      { name: 'empty handler', note: 'NestJS on Fastify reads the body and answers', measure: post(`${empty}/data`, lines) },
      { name: 'NestJS + TypeORM save()', note: 'on the same PostgreSQL', measure: post(`${nest}/data`, lines) },
      ...('url' in flask ? [{ name: 'Flask + psycopg2', note: 'on the same PostgreSQL; an INSERT a reading, a commit a request', measure: post(`${flask.url}/data`, lines) }] : []),
      ...others.flatMap((other) => ('absent' in other ? [] : [{ name: other.name, note: other.note, measure: post(other.writeUrl, movingInfluxLines(linesPerRequest)) }])),
    ],
    notCompared: [...('absent' in flask ? [flask.absent] : []), ...others.flatMap(absence)],
  };
}

/** Ingot takes lines and does no more, as those that it is compared with; and in its other ways. */
async function bulkContenders(stage: Stage, ingot: IngotService, post: Poster, lines: MovingBody, { note, withRuns }: { note: string; withRuns: Contender['measure'] }): Promise<Contender[]> {
  const { url } = await startIngestOnly(stage);
  return [
    { name: 'Ingot', note: `INGOT_ROLE=api; ${note}`, measure: post(`${url}/data`, lines) },
    { name: 'Ingot, gzip', note: 'one body again and again: wrk cannot pack', own: true, measure: post(`${url}/data`, gzipSync(bodyAt(lines, 0)), { 'content-encoding': 'gzip' }) },
    // A quick run cannot wait until what it has stored is transformed too.
    ...(stage.quick ? [] : [{ name: 'Ingot, runs beside it', note: 'one process for all, the runs of silver and gold on the same two cores', own: true as const, measure: withRuns }]),
    await copyFloor(stage, ingot.databaseUrl),
  ];
}

/** What Ingot has still to transform must not take from whoever is measured next. */
function thenCovered({ url }: IngotService, measure: Contender['measure']): Contender['measure'] {
  return async (seconds) => {
    const round = await measure(seconds);
    await untilCovered(url);
    return round;
  };
}

function absence(found: Found): string[] {
  return 'absent' in found ? [found.absent] : [];
}

type Poster = (url: string, body: Buffer | MovingBody, headers?: Record<string, string>) => Contender['measure'];

function poster(stage: Stage, { linesPerRequest, connections, unit }: PostSetting): Poster {
  return (url, body, headers = {}) => {
    let sent = 0;
    return async (seconds: number): Promise<Round> => {
      const load = await closedLoop({ url, connections, seconds, body, sent, headers: { 'content-type': 'text/plain', ...headers }, folder: stage.folder });
      ({ sent } = load);
      return { [unit]: load.perSecond * (unit === 'lines/s' ? linesPerRequest : 1), 'p50 ms': load.p50Ms, 'p99 ms': load.p99Ms };
    };
  };
}

/** The same lines by COPY from the driver into a table like bronze, one transaction for each 100,000: what the server itself can take. */
async function copyFloor(stage: Stage, databaseUrl: string): Promise<Contender> {
  const client = await openSession(stage, databaseUrl);
  await client.query('create table public.bench_copy (received_at timestamptz not null default now(), line text not null)');
  const text = Buffer.from(sensorLines(100_000));
  return {
    name: 'COPY of the same lines',
    note: 'from the driver on one connection, a commit with fsync for each 100,000 lines',
    async measure(seconds) {
      const since = performance.now();
      let lines = 0;
      while (performance.now() - since < seconds * 1000) {
        await copyLines(client, 'copy public.bench_copy (line) from stdin', text);
        lines += 100_000;
      }
      return { 'lines/s': lines / ((performance.now() - since) / 1000) };
    },
  };
}

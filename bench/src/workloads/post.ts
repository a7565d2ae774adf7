import { gzipSync } from 'node:zlib';
import { startEmptyHandler } from '../contenders/empty-handler.js';
import { openSession, startIngot } from '../contenders/ingot.js';
import { copyLines } from '../contenders/postgres-floor.js';
import { startInflux, startVictoria, type Found } from '../contenders/time-series.js';
import { startFlaskStack, startNestStack } from '../contenders/usual-stacks.js';
import { closedLoop, generatorName } from '../load/closed-loop.js';
import { influxLines, sensorLines } from '../sensor-lines.js';
import type { Contender, Prepared, Round, Stage, Target, Workload } from '../workload.js';

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
  const bulk = unit === 'lines/s';
  const lines = Buffer.from(sensorLines(linesPerRequest));
  const ingot = await startIngot(stage);
  const empty = await startEmptyHandler(stage);
  const nest = await startNestStack(stage, ingot.databaseUrl);
  const flask = await startFlaskStack(stage, ingot.databaseUrl);
  const others = await Promise.all([startInflux(stage), startVictoria(stage)]);
  const post = poster(stage, setting);
  return {
    contenders: [
      { name: 'Ingot', note: `answers after COMMIT with fsync; load by ${generatorName()}`, measure: post(`${ingot.url}/data`, lines) },
      ...(bulk ? [{ name: 'Ingot, gzip', measure: post(`${ingot.url}/data`, gzipSync(lines), { 'content-encoding': 'gzip' }) }, await copyFloor(stage, ingot.databaseUrl)] : []),
      { name: 'empty handler', note: 'NestJS on Fastify reads the body and answers', measure: post(`${empty}/data`, lines) },
      { name: 'NestJS + TypeORM save()', note: 'on the same PostgreSQL', measure: post(`${nest}/data`, lines) },
      ...('url' in flask ? [{ name: 'Flask + psycopg2', note: 'on the same PostgreSQL; an INSERT a reading, a commit a request', measure: post(`${flask.url}/data`, lines) }] : []),
      ...others.flatMap((other) => ('absent' in other ? [] : [{ name: other.name, note: other.note, measure: post(other.writeUrl, Buffer.from(influxLines(linesPerRequest))) }])),
    ],
    notCompared: [...('absent' in flask ? [flask.absent] : []), ...others.flatMap(absence)],
  };
}

function absence(found: Found): string[] {
  return 'absent' in found ? [found.absent] : [];
}

function poster(stage: Stage, { linesPerRequest, connections, unit }: PostSetting) {
  return (url: string, body: Buffer, headers: Record<string, string> = {}) =>
    async (seconds: number): Promise<Round> => {
      const load = await closedLoop({ url, connections, seconds, body, headers: { 'content-type': 'text/plain', ...headers }, folder: stage.folder });
      return { [unit]: load.perSecond * (unit === 'lines/s' ? linesPerRequest : 1), 'p50 ms': load.p50Ms, 'p99 ms': load.p99Ms };
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

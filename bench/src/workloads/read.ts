import http from 'node:http';
import { openSession, startIngot, type IngotService } from '../contenders/ingot.js';
import { copyAway } from '../contenders/postgres-floor.js';
import { startInflux } from '../contenders/time-series.js';
import { startNestStack } from '../contenders/usual-stacks.js';
import { influxLines } from '../sensor-lines.js';
import type { Contender, Prepared, Round, Stage, Workload } from '../workload.js';
import { residentMegabytes } from './start-up.js';
import { DAYS, mustTake, storedReadings } from './stored-readings.js';

// The last reading comes before the last half minute of the year.
const FLOOR = `copy (select reading_time, metric_name, metric_value from silver.stg_readings where reading_time between '2022-04-14' and '2023-04-13 23:59:59.999' order by reading_time, raw_id) to stdout`;
const FORMATS = ['json', 'ndjson', 'csv', 'parquet', 'arrow'];
const BINARY = ['parquet', 'arrow'];

/** A large answer: every format of Ingot against the bare COPY of the same rows, and what others give for the same question. */
export const read: Workload = {
  id: 'read',
  title: 'GET of many readings as one document',
  figures: [{ name: 's', better: 'lower' }, { name: 'first byte ms', better: 'lower' }, { name: 'service RSS MB', better: 'lower' }, { name: 'MB', better: 'lower' }],
  targets: [
    { against: 'COPY TO STDOUT of the same rows', ratio: 2.5 },
    { against: 'InfluxDB, chunked JSON', ratio: 1 },
  ],
  limits: [{ contender: 'Ingot', figure: 'service RSS MB', value: 200 }],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 3, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const { ingot, readings, amount } = await storedReadings(stage);
  const client = await openSession(stage, ingot.databaseUrl);
  const second = await startIngot(stage, { DATABASE_URL: ingot.databaseUrl, HOST: '127.0.0.1', INGOT_AUTH: 'off', INGOT_ROLE: 'api' });
  const nest = await startNestStack(stage, ingot.databaseUrl);
  stage.say('storing them with the others too');
  await client.query('insert into public.usual_stack_reading (time, name, value) select reading_time, metric_name, metric_value from silver.stg_readings order by raw_id');
  await client.query('vacuum analyze public.usual_stack_reading');
  stage.atEnd(async () => void (await client.query('drop table public.usual_stack_reading')));
  const influx = await startInflux(stage);
  if (!('absent' in influx)) for (const part of chunks(influxLines(readings, { days: DAYS }), 50_000)) await mustTake(influx.writeUrl, part);
  return {
    amount,
    contenders: [
      ...FORMATS.map((format): Contender => ({
        name: format === 'json' ? 'Ingot' : `Ingot, ${format}`,
        ...(format === 'json' ? { note: 'memory is the highest while it answered; Parquet and Arrow are answered by a process of their own, so that theirs is told apart' } : { own: true }),
        measure: () => readIngot(BINARY.includes(format) ? second : ingot, format),
      })),
      {
        name: 'COPY TO STDOUT of the same rows',
        note: 'the same server, sorted the same way, read by the driver',
        async measure() {
          const since = performance.now();
          const bytes = await copyAway(client, FLOOR);
          return { s: (performance.now() - since) / 1000, MB: bytes / 1e6 };
        },
      },
      { name: 'NestJS + TypeORM find()', note: 'the same rows in a table of its own with an index on the time', measure: () => take(`${nest}/data?from=2022-04-14T00:00:00Z&to=2023-04-13T23:59:59.999Z`) },
      ...('absent' in influx ? [] : [{ name: 'InfluxDB, chunked JSON', note: 'the same points, series by series', measure: () => take(`${influx.queryUrl}&chunked=true&chunk_size=10000&q=${encodeURIComponent('select value from Voltage, Current')}`) }]),
    ],
    notCompared: 'absent' in influx ? [influx.absent] : [],
  };
}

let questions = 0;

/** All of it. Another last millisecond each time gives the same rows, and no answer that is kept from the time before. */
function readIngot({ url, pid }: IngotService, format: string): Promise<Round> {
  const to = `2023-04-13T23:59:59.${String(++questions % 1000).padStart(3, '0')}Z`;
  return take(`${url}/data?from=2022-04-14&to=${to}&format=${format}`, pid);
}

/** Reads a whole answer and throws it away; the memory is the service's highest while it did so. */
async function take(url: string, pid?: number): Promise<Round> {
  let memory = Number.NaN;
  const look = (): void => {
    if (pid !== undefined) memory = Math.max(Number.isNaN(memory) ? 0 : memory, residentMegabytes(pid));
  };
  const watch = setInterval(look, 20);
  const since = performance.now();
  let first = Number.NaN;
  let bytes = 0;
  try {
    // Not fetch(): its streams cost more than what some of the contenders do.
    await new Promise<void>((resolve, reject) => {
      const request = http.get(url, { agent: false }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${url}: ${response.statusCode}`));
        response.on('data', (chunk: Buffer) => {
          if (bytes === 0) first = performance.now() - since;
          bytes += chunk.length;
        });
        response.once('end', resolve);
        response.once('error', reject);
      });
      request.once('error', reject);
    });
    look();
  } finally {
    clearInterval(watch);
  }
  return { s: (performance.now() - since) / 1000, 'first byte ms': first, 'service RSS MB': memory, MB: bytes / 1e6 };
}

function* chunks(text: string, lines: number): Generator<string> {
  const all = text.split('\n');
  for (let from = 0; from < all.length; from += lines) yield all.slice(from, from + lines).join('\n');
}

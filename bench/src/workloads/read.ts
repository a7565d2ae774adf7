import { openSession, startIngot } from '../contenders/ingot.js';
import { copyAway } from '../contenders/postgres-floor.js';
import { startInflux } from '../contenders/time-series.js';
import { startNestStack } from '../contenders/usual-stacks.js';
import { influxLines, sensorLines } from '../sensor-lines.js';
import type { Contender, Prepared, Round, Stage, Workload } from '../workload.js';
import { residentMegabytes } from './start-up.js';
import { untilCovered } from './sustained.js';

const RANGE = 'from=2022-04-14&to=2022-04-16';
const FLOOR = `copy (select reading_time, metric_name, metric_value from silver.stg_readings where reading_time between '2022-04-14' and '2022-04-16 23:59:59.999999' order by reading_time, raw_id) to stdout`;
const BATCH = 100_000;

/** A large answer: every format of Ingot against the bare COPY of the same rows, and what others give for the same question. */
export const read: Workload = {
  id: 'read',
  title: 'GET of many readings as one document',
  figures: [{ name: 's', better: 'lower' }, { name: 'first byte ms', better: 'lower' }, { name: 'service RSS MB', better: 'lower' }, { name: 'MB', better: 'lower' }],
  targets: [
    { against: 'COPY TO STDOUT of the same rows', ratio: 2.5 },
    { against: 'InfluxDB, chunked JSON', ratio: 1 },
  ],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 3, quick: 1 },
  prepare,
};

async function prepare(stage: Stage): Promise<Prepared> {
  const readings = stage.quick ? 200_000 : 1_000_000;
  const ingot = await startIngot(stage);
  stage.say(`storing ${readings.toLocaleString('en-US')} readings with each contender`);
  for (let from = 0; from < readings; from += BATCH) await mustTake(`${ingot.url}/data`, sensorLines(BATCH, { days: 3, from, of: readings }));
  const client = await openSession(stage, ingot.databaseUrl);
  await untilCovered(ingot.url);
  const nest = await startNestStack(stage, ingot.databaseUrl);
  await client.query('insert into public.usual_stack_reading (time, name, value) select reading_time, metric_name, metric_value from silver.stg_readings order by raw_id');
  await client.query('analyze public.usual_stack_reading');
  const influx = await startInflux(stage);
  if (!('absent' in influx)) for (const part of chunks(influxLines(readings, { days: 3 }), 50_000)) await mustTake(influx.writeUrl, part);
  const formats = ['json', 'ndjson', 'csv', 'parquet', 'arrow'];
  return {
    contenders: [
      ...formats.map((format): Contender => ({ name: format === 'json' ? 'Ingot' : `Ingot, ${format}`, measure: () => take(`${ingot.url}/data?${RANGE}&format=${format}`, ingot.pid) })),
      {
        name: 'COPY TO STDOUT of the same rows',
        note: 'the same server, sorted the same way, read by the driver',
        async measure() {
          const since = performance.now();
          const bytes = await copyAway(client, FLOOR);
          return { s: (performance.now() - since) / 1000, MB: bytes / 1e6 };
        },
      },
      { name: 'NestJS + TypeORM find()', note: 'the same rows in a table of its own with an index on the time', measure: () => take(`${nest}/data?from=2022-04-14T00:00:00Z&to=2022-04-16T23:59:59.999Z`) },
      ...('absent' in influx ? [] : [{ name: 'InfluxDB, chunked JSON', measure: () => take(`${influx.queryUrl}&chunked=true&chunk_size=10000&q=${encodeURIComponent('select value from Voltage, Current')}`) }]),
    ],
    notCompared: 'absent' in influx ? [influx.absent] : [],
  };
}

/** Reads a whole answer and throws it away; the memory is the service's highest while it did so. */
async function take(url: string, pid?: number): Promise<Round> {
  const since = performance.now();
  const response = await fetch(url);
  if (!response.ok || response.body === null) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  let bytes = 0;
  let first = Number.NaN;
  let memory = 0;
  const watch = setInterval(() => (memory = Math.max(memory, pid === undefined ? Number.NaN : residentMegabytes(pid))), 20);
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (bytes === 0) first = performance.now() - since;
      bytes += chunk.length;
    }
  } finally {
    clearInterval(watch);
  }
  return { s: (performance.now() - since) / 1000, 'first byte ms': first, 'service RSS MB': memory === 0 ? Number.NaN : memory, MB: bytes / 1e6 };
}

async function mustTake(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}

function* chunks(text: string, lines: number): Generator<string> {
  const all = text.split('\n');
  for (let from = 0; from < all.length; from += lines) yield all.slice(from, from + lines).join('\n');
}

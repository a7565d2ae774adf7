import { openSession, startIngot } from '../contenders/ingot.js';
import { sensorLines } from '../sensor-lines.js';
import type { Prepared, Stage, Workload } from '../workload.js';
import { untilCovered } from './sustained.js';

const BATCH = 100_000;

/** What a stored reading costs on disk, by table, indexes and all. */
export const storage: Workload = {
  id: 'storage',
  title: 'Disk for each stored reading',
  figures: [{ name: 'bytes', better: 'lower' }],
  targets: [],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 1, quick: 1 },
  async prepare(stage: Stage): Promise<Prepared> {
    const readings = stage.quick ? 200_000 : 1_000_000;
    const ingot = await startIngot(stage);
    for (let from = 0; from < readings; from += BATCH) {
      const response = await fetch(`${ingot.url}/data`, { method: 'POST', body: sensorLines(BATCH, { from, of: readings }), headers: { 'content-type': 'text/plain' } });
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    }
    await untilCovered(ingot.url);
    const client = await openSession(stage, ingot.databaseUrl);
    const size = async (schema: string): Promise<number> => {
      const { rows } = await client.query<{ bytes: number }>(
        `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as bytes from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'm')`,
        [schema],
      );
      return rows[0]?.bytes ?? 0;
    };
    const raw = Buffer.byteLength(sensorLines(BATCH)) / BATCH;
    return {
      contenders: [
        { name: 'Ingot', note: 'all of bronze, silver and gold', measure: async () => ({ bytes: ((await size('bronze')) + (await size('silver')) + (await size('gold'))) / readings }) },
        ...['bronze', 'silver', 'gold'].map((schema) => ({ name: schema, measure: async () => ({ bytes: (await size(schema)) / readings }) })),
        { name: 'the line as text', measure: () => Promise.resolve({ bytes: raw }) },
      ],
      notCompared: [],
    };
  },
};

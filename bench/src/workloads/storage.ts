import { openSession } from '../contenders/ingot.js';
import { sensorLines } from '../sensor-lines.js';
import type { Prepared, Stage, Workload } from '../workload.js';
import { DAYS, storedReadings } from './stored-readings.js';

/** What a stored reading costs on disk, by table, indexes and all. */
export const storage: Workload = {
  id: 'storage',
  title: 'Disk for each stored reading',
  figures: [{ name: 'bytes', better: 'lower' }, { name: 'of which indexes', better: 'lower' }],
  targets: [],
  seconds: { full: 1, quick: 1 },
  rounds: { full: 1, quick: 1 },
  warmUp: false,
  prepare,
};

const TABLES = `
  select n.nspname || '.' || coalesce(parent.relname, c.relname) as name,
    sum(pg_total_relation_size(c.oid))::float8 as bytes, sum(pg_indexes_size(c.oid))::float8 as indexes
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_inherits on inhrelid = c.oid
  left join pg_class as parent on parent.oid = inhparent
  where n.nspname in ('bronze', 'silver', 'gold') and c.relkind in ('r', 'm')
  group by 1
  order by bytes desc, name`;

async function prepare(stage: Stage): Promise<Prepared> {
  const { ingot, readings, amount } = await storedReadings(stage);
  const client = await openSession(stage, ingot.databaseUrl);
  const { rows } = await client.query<{ name: string; bytes: number; indexes: number }>(TABLES);
  const cost = (bytes: number, indexes: number) => () => Promise.resolve({ bytes: bytes / readings, 'of which indexes': indexes / readings });
  const sum = (key: 'bytes' | 'indexes'): number => rows.reduce((all, row) => all + row[key], 0);
  const part = sensorLines(10_000, { days: DAYS, of: readings });
  return {
    amount,
    contenders: [
      { name: 'Ingot', note: 'all of bronze, silver and gold', measure: cost(sum('bytes'), sum('indexes')) },
      ...rows.filter(({ bytes }) => bytes > 0).map(({ name, bytes, indexes }) => ({ name, own: true as const, measure: cost(bytes, indexes) })),
      { name: 'the line as text', measure: () => Promise.resolve({ bytes: Buffer.byteLength(part) / 10_000 }) },
    ],
    notCompared: [],
  };
}

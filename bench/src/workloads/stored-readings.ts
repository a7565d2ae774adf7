import { openSession, startIngot, type IngotService } from '../contenders/ingot.js';
import { sensorLines } from '../sensor-lines.js';
import type { Stage } from '../workload.js';
import { untilCovered } from './sustained.js';

/** Over so many days from 2022-04-14 on. */
export const DAYS = 365;
const BATCH = 100_000;

export interface StoredReadings {
  readonly ingot: IngotService;
  readonly readings: number;
  /** For a table's title. */
  readonly amount: string;
}

/** A service that has a year of readings, for all who read them. */
export function storedReadings(stage: Stage): Promise<StoredReadings> {
  return stage.shared('stored readings', async (shared) => {
    const readings = shared.quick ? 200_000 : 1_000_000;
    const amount = `${readings.toLocaleString('en-US')} readings of a year`;
    shared.say(`posting ${amount}`);
    const first = await startIngot(shared);
    for (let from = 0; from < readings; from += BATCH) await mustTake(`${first.url}/data`, sensorLines(BATCH, { days: DAYS, from, of: readings }));
    await untilCovered(first.url);
    await first.stop(); // what follows is measured in a process that has read, not one that has taken bulk
    const ingot = await startIngot(shared);
    await untilCovered(ingot.url);
    const client = await openSession(shared, ingot.databaseUrl);
    await client.query('vacuum analyze'); // as autovacuum leaves them a minute later
    return { ingot, readings, amount };
  });
}

/** @throws Error unless it is taken */
export async function mustTake(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

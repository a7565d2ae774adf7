import type { Model } from '@ingot/datasets';
import { isConnectionError, sqlState, type Connection } from '@ingot/postgres';
import { escapeLiteral, type Client } from 'pg';

/** More of them are no poison but a wrong SELECT; 100 in 10,000 lines are some 1,500 probes. */
export const MOST_GUILTY = 100;

/** Whether a run would put rows aside that this error comes from. */
export function isPoison({ strategy, onDataError }: Model, error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return (strategy === 'append' || strategy === 'merge') && onDataError === 'quarantine' && (/^2[23]/.test(state) || state === '21000');
}

/**
 * Halves the rows of a model's input until those that its SELECT fails on stand alone.
 * @param input the table's name in SQL
 * @param statement the SELECT over some rows of the input, given as SQL that stands in the input's place
 * @returns conditions on the input: that of the rows that can be computed, and how many cannot; undefined when there
 *   are more than MOST_GUILTY
 */
export async function withoutGuilty(client: Client | Connection, model: Model, input: string, statement: (rows: string) => string): Promise<{ rows: string; guilty: number } | undefined> {
  const { rows } = await client.query<{ place: string }>(`select ctid::text as place from ${input}`);
  const guilty: string[] = [];
  const search = async (places: readonly string[]): Promise<void> => {
    if (guilty.length > MOST_GUILTY || places.length === 0 || !(await fails(client, model, statement(`(select * from ${input} where ${isAt(places)})`)))) return;
    if (places.length === 1) guilty.push(...places);
    else {
      const middle = places.length >> 1;
      await search(places.slice(0, middle));
      await search(places.slice(middle));
    }
  };
  await search(rows.map(({ place }) => place));
  return guilty.length > MOST_GUILTY ? undefined : { rows: `(select * from ${input} where not (${isAt(guilty)}))`, guilty: guilty.length };
}

async function fails(client: Client | Connection, model: Model, statement: string): Promise<boolean> {
  await client.query('savepoint probe');
  try {
    await client.query(`explain (analyze, timing off, costs off) ${statement}`);
    return false;
  } catch (error) {
    if (isConnectionError(error) || !isPoison(model, error)) throw error;
    return true;
  } finally {
    await client.query('rollback to savepoint probe; release savepoint probe').catch(() => undefined);
  }
}

function isAt(places: readonly string[]): string {
  return `ctid = any(${escapeLiteral(`{${places.map((place) => `"${place}"`).join(',')}}`)}::tid[])`;
}

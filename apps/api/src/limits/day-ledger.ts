import { withConnection, type ConnectionPool } from '@ingot/postgres';

/** Bytes that a subject has sent in a day. */
export interface DayBytes {
  readonly subject: string;
  readonly bytes: number;
}

/** A day is no longer asked for when it is over; a week of them is kept for people. */
const KEPT_DAYS = 7;

const dateOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);

/** Bytes by subject and day, in `ingot.quota_days`. Every process adds increments, so the row is the sum of all. Days count from 1970. */
export class DayLedger {
  private sweptDay = 0;

  constructor(private readonly pool: ConnectionPool) {}

  /** The largest of a day. */
  async of(day: number, most: number): Promise<DayBytes[]> {
    const { rows } = await withConnection(this.pool, (client) =>
      client.query<{ subject: string; bytes: string }>('select subject, bytes from ingot.quota_days where day = $1::date order by bytes desc limit $2', [dateOf(day), most]),
    );
    return rows.map(toBytes);
  }

  /** @returns the sums after it, of the subjects given; increments may be negative, what was taken back */
  async add(day: number, increments: readonly DayBytes[]): Promise<DayBytes[]> {
    const { rows } = await withConnection(this.pool, async (client) => {
      if (this.sweptDay !== day) await client.query('delete from ingot.quota_days where day < $1::date', [dateOf(day - KEPT_DAYS)]);
      this.sweptDay = day;
      return client.query<{ subject: string; bytes: string }>(
        // In order: two processes that add to the same rows must not wait for each other in a circle.
        `insert into ingot.quota_days as days (day, subject, bytes)
         select $1::date, subject, bytes from unnest($2::text[], $3::bigint[]) added (subject, bytes) order by subject
         on conflict (day, subject) do update set bytes = greatest(0, days.bytes + excluded.bytes)
         returning subject, bytes`,
        [dateOf(day), increments.map(({ subject }) => subject), increments.map(({ bytes }) => bytes)],
      );
    });
    return rows.map(toBytes);
  }
}

function toBytes({ subject, bytes }: { subject: string; bytes: string }): DayBytes {
  return { subject, bytes: Number(bytes) };
}

import pg from 'pg';
import { bigintLiteral } from './sql-names.js';

/** What a server must hold before it may be read from. */
export interface Arrival {
  /** A run of the dataset: this one or a later one. */
  readonly runId?: bigint | undefined;
  /** When the watermark moved: then or later. Of `runId`, when that is given. */
  readonly watermarkAt?: Date | undefined;
}

/**
 * One SELECT of one boolean: whether a server that replays the database has come to a run. All that the run read was
 * committed before it, and is replayed before it, so this one row answers for bronze, flushes and files too. It asks for
 * no position in the log: those are not to be had everywhere, and start anew after a failover. Of two servers with one
 * run number the moment tells whether it is the same run: a replica that was not told of a failover has another.
 * @returns undefined when nothing is known that it would have to hold
 */
export function arrivalQuery(dataset: string, { runId, watermarkAt }: Arrival): string | undefined {
  const at = watermarkAt === undefined ? undefined : `${pg.escapeLiteral(watermarkAt.toISOString())}::timestamptz`;
  const reached =
    runId !== undefined
      ? `run_id > ${bigintLiteral(runId)} or (run_id = ${bigintLiteral(runId)}${at === undefined ? '' : ` and abs(extract(epoch from updated_at - ${at})) < 0.002`})` // a Date ends with the millisecond
      : at === undefined
        ? undefined
        : `updated_at >= ${at}`;
  return reached === undefined ? undefined : `select coalesce(bool_or(${reached}), false) as arrived from ingot.datasets where name = ${pg.escapeLiteral(dataset)}`;
}

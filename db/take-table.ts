const TRY_MS = 200;
const PAUSE_MS = 500;
const TRIES = 300;

/**
 * SQL that takes a table for a change of its columns, for the transaction of a migration. A process of the last release
 * may be at work: a run reads these tables until it ends, and whoever comes after a lock that waits for it waits too, so
 * a plain ALTER TABLE would hold up every POST for the length of a run. This one waits in small pieces.
 * @param table a name without anything to quote
 */
export function takeTable(table: string): string {
  return `
    set local lock_timeout = '${TRY_MS}ms';
    do $$
    begin
      for attempt in 1 .. ${TRIES} loop
        begin
          lock table ${table} in access exclusive mode;
          return;
        exception when lock_not_available then
          perform pg_sleep(${PAUSE_MS / 1_000});
        end;
      end loop;
      raise lock_not_available using message = '${table} was in use for minutes: end the sessions that hold it, and start again';
    end
    $$;`;
}

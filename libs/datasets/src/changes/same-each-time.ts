import type { Query } from '../dataset.js';
import { parseSelect } from '../parser.js';

/** Functions and keywords of PostgreSQL 15 to 18 that give another value in each run (not immutable, whatever the rows). */
const OTHER_EACH_TIME = new Set([
  ...['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'timeofday', 'age'], // age(x) counts from today
  ...['current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp'],
  ...['random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7'],
]);

/** Whether a query gives the same rows whenever it reads the same rows: it asks neither for the time nor for chance. */
export function isSameEachTime(query: Query): boolean {
  return !parseSelect(query.text).functions.some((name) => OTHER_EACH_TIME.has(name));
}

import { readDuration } from '../duration.js';
import type { Retention } from '../dataset.js';
import type { Problems } from '../problem.js';
import type { Located, Section } from '../section.js';

/** One entry of `retention` in dataset.yml, with the place of the table it names. */
export interface WrittenRetention {
  readonly relation: Located;
  readonly retention: Retention;
  /** Where `archive` stands, when it does. */
  readonly archive?: Located;
}

/** A day at least: what leaves is a whole partition, and the schedule looks once a minute. */
const RANGE = { shortestMs: 86_400_000, longestMs: 36_500 * 86_400_000, text: 'from 1d to 36500d' };

/**
 * `retention:` of dataset.yml, a mapping from tables to how long their rows are kept:
 *
 *     retention:
 *       bronze.raw_readings: { keep: 90d, archive: required }
 *       silver.stg_readings: 400d
 */
export function readRetention(header: Section, problems: Problems): WrittenRetention[] {
  const tables = header.section('retention');
  if (tables === undefined) return [];
  return tables.ownEntries().flatMap(({ name }) => {
    const settings = tables.isMapping(name.value) ? tables.section(name.value) : undefined;
    const keepMs = settings === undefined ? readDuration(tables, name.value, problems, RANGE) : readDuration(settings, 'keep', problems, RANGE);
    if (settings === undefined && !tables.has(name.value)) problems.add(name.place, `retention of ${name.value} is missing: how long its rows are kept, as in 90d`);
    if (settings !== undefined && !settings.has('keep')) problems.add(name.place, `retention of ${name.value} needs keep, as in \`{ keep: 90d }\``);
    const archive = settings?.choice('archive', ['required', 'no'] as const);
    settings?.finish();
    if (keepMs === undefined) return [];
    return [{ relation: name, retention: { keepMs, archive: archive?.value === 'required' ? 'required' : 'no' }, ...(archive === undefined ? {} : { archive }) } satisfies WrittenRetention];
  });
}

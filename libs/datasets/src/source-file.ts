import type { Source } from './dataset.js';
import { readDuration } from './duration.js';
import { readTags } from './model-header.js';
import type { Problems } from './problem.js';
import { readRetention, type WrittenRetention } from './retention/read-retention.js';
import { Section } from './section.js';
import { startOf } from './sql-file.js';

/** The columns of a bronze table of lines, as apply makes it. */
export const BRONZE_COLUMNS = [
  { name: 'id', dataType: 'int8' },
  { name: 'received_at', dataType: 'timestamptz' },
  { name: 'ingest_xid', dataType: 'int8' },
  { name: 'device', dataType: 'text' },
  { name: 'precision', dataType: 'text' },
  { name: 'line', dataType: 'text' },
];

/** Relations of bronze that are the engine's own. */
const RESERVED = new Set(['flushes', 'raw_id']);
const ROUTE = /^(\/[a-z0-9][a-z0-9_-]*)+$/;

/** What `dataset.yml` says. */
export interface DatasetHeader {
  readonly description: string;
  readonly probeEveryMs: number;
  readonly retention: readonly WrittenRetention[];
}

const DEFAULT_PROBE_MS = 2_000;
const PROBE_RANGE = { shortestMs: 100, longestMs: 3_600_000, text: 'from 100ms to 1h' };

/** Reads `dataset.yml`. */
export function readDatasetHeader(file: string, fileText: string, problems: Problems): DatasetHeader | undefined {
  const section = Section.read({ file, fileText, yaml: fileText, offset: 0 }, problems);
  if (section === undefined) return undefined;
  const description = section.text('description')?.value ?? '';
  const probeEveryMs = readDuration(section, 'probe_every', problems, PROBE_RANGE) ?? DEFAULT_PROBE_MS;
  const retention = readRetention(section, problems);
  section.finish(['schedule', 'cron', 'refresh', 'base_path', 'run_bound', 'timezone']);
  return { description, probeEveryMs, retention };
}

/**
 * Reads `sources/<name>.yml`.
 * @param name the file's name without `.yml`: the source owns `bronze.<name>`
 */
export function readSource(file: string, fileText: string, name: string, problems: Problems): Source | undefined {
  if (RESERVED.has(name)) problems.add(startOf(file), `bronze.${name} is the engine's own; give the source another name`);
  const section = Section.read({ file, fileText, yaml: fileText, offset: 0 }, problems);
  if (section === undefined) return undefined;
  section.requiredText('kind', 'lines');
  const kind = section.choice('kind', ['lines'] as const, ['events', 'files', 'pull']);
  const path = section.requiredText('path', 'the POST route, as in /data');
  const description = section.text('description')?.value ?? '';
  const tags = readTags(section, problems);
  const freshness = readFreshness(section, problems);
  section.finish(['policy', 'dedupe', 'format', 'schema', 'device', 'precision', 'on_fail'], { retention: 'write it in dataset.yml, by the name of the table' });
  if (path !== undefined && !ROUTE.test(path.value)) {
    problems.add(path.place, `path must be a route such as /data: lower-case letters, digits, - and _ after each slash, is ${path.value}`);
    return undefined;
  }
  if (kind === undefined || path === undefined) return undefined;
  return { kind: kind.value, relation: `bronze.${name}`, path: path.value, description, tags, ...(freshness === undefined ? {} : { freshness }), file };
}

/** `freshness: { warn_after: 1h, error_after: 1d }`, or with dbt's `{ count: 1, period: hour }`. */
function readFreshness(section: Section, problems: Problems): Source['freshness'] {
  const freshness = section.section('freshness');
  if (freshness === undefined) return undefined;
  const warnAfterMs = readDuration(freshness, 'warn_after', problems);
  const errorAfterMs = readDuration(freshness, 'error_after', problems);
  freshness.finish();
  if (!freshness.has('warn_after') && !freshness.has('error_after')) problems.add(section.placeOf('freshness'), 'freshness needs warn_after or error_after, as in `error_after: 1d`');
  if (warnAfterMs !== undefined && errorAfterMs !== undefined && warnAfterMs > errorAfterMs) {
    problems.add(freshness.placeOf('warn_after'), 'warn_after is longer than error_after, so it never warns');
  }
  return { ...(warnAfterMs === undefined ? {} : { warnAfterMs }), ...(errorAfterMs === undefined ? {} : { errorAfterMs }) };
}

import type { Source } from './dataset.js';
import type { Problems } from './problem.js';
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
}

const DEFAULT_PROBE_MS = 2_000;
const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SHORTEST_PROBE_MS = 100;
const LONGEST_PROBE_MS = 3_600_000;

/** Reads `dataset.yml`. */
export function readDatasetHeader(file: string, fileText: string, problems: Problems): DatasetHeader | undefined {
  const section = Section.read({ file, fileText, yaml: fileText, offset: 0 }, problems);
  if (section === undefined) return undefined;
  const description = section.text('description')?.value ?? '';
  const probe = section.text('probe_every');
  section.finish(['schedule', 'cron', 'refresh', 'base_path', 'retention', 'on_data_error', 'run_bound', 'timezone']);
  if (probe === undefined) return { description, probeEveryMs: DEFAULT_PROBE_MS };
  const [, amount, unit] = /^(\d{1,7})\s?(ms|s|m|h)$/.exec(probe.value) ?? [];
  const probeEveryMs = Number(amount) * (UNIT_MS[unit ?? ''] ?? NaN);
  if (!(probeEveryMs >= SHORTEST_PROBE_MS && probeEveryMs <= LONGEST_PROBE_MS)) {
    problems.add(probe.place, `probe_every must be a time such as 500ms, 2s or 1m, from 100ms to 1h, is ${probe.value}`);
  }
  return { description, probeEveryMs };
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
  section.finish(['policy', 'dedupe', 'retention', 'format', 'schema', 'device', 'precision', 'on_fail']);
  if (path !== undefined && !ROUTE.test(path.value)) {
    problems.add(path.place, `path must be a route such as /data: lower-case letters, digits, - and _ after each slash, is ${path.value}`);
    return undefined;
  }
  return kind === undefined || path === undefined ? undefined : { kind: kind.value, relation: `bronze.${name}`, path: path.value, description, file };
}

import type { LineageNode } from '../lineage/dataset-lineage.js';
import type { Catalog, CatalogEndpoint, CatalogRelation, CatalogTest, DatasetCatalog, LastRun } from './catalog.js';

/**
 * A catalog as Markdown: for each dataset its graph (Mermaid), then relations, endpoints and tests. Names and
 * descriptions come from files, so every character that Markdown or Mermaid reads is escaped.
 */
export function catalogMarkdown(catalog: Catalog, nodes: readonly LineageNode[]): string {
  const origin = catalog.fromDatabase ? 'Types, sizes and last runs are those of the database.' : 'Made without a database: types are those the files declare.';
  const parts = catalog.datasets.map((dataset) => datasetSection(dataset, nodes));
  return [`# Catalog`, `Made ${catalog.generatedAt.slice(0, 16).replace('T', ' ')} UTC from the files under \`sql/\`. ${origin}`, ...parts].join('\n\n') + '\n';
}

function datasetSection(dataset: DatasetCatalog, nodes: readonly LineageNode[]): string {
  const names = new Set([...dataset.relations.map(({ name }) => name), ...dataset.endpoints.map(({ route }) => route)]);
  return [
    `## ${escapeText(dataset.name)}`,
    escapeText(dataset.description),
    ...(dataset.lastRun === undefined ? [] : [`Last run: ${describeRun(dataset.lastRun)}`]),
    mermaid(nodes.filter(({ name }) => names.has(name))),
    ...dataset.relations.map(relationSection),
    ...dataset.endpoints.map(endpointSection),
    ...(dataset.tests.length === 0 ? [] : [`### Data tests of ${escapeText(dataset.name)}`, table(['test', 'fails', 'description'], dataset.tests.map((test) => [code(test.name), test.onFail, escapeText(test.description ?? '')]))]),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const SHAPES: Record<LineageNode['kind'], readonly [string, string]> = {
  source: ['[(', ')]'],
  seed: ['[(', ')]'],
  view: ['([', '])'],
  table: ['[', ']'],
  incremental: ['[', ']'],
  endpoint: ['>', ']'],
  test: ['{{', '}}'],
};

/** The graph of the nodes; identifiers are numbers, so that no name can be read as Mermaid. */
export function mermaid(nodes: readonly LineageNode[]): string {
  const ids = new Map(nodes.map(({ name }, at) => [name, `n${at}`]));
  const lines = nodes.flatMap(({ name, kind, reads }) => {
    const [open, close] = SHAPES[kind];
    return [`  ${ids.get(name)!}${open}"${escapeLabel(name)}"${close}`, ...reads.flatMap((read) => (ids.has(read) ? [`  ${ids.get(read)!} --> ${ids.get(name)!}`] : []))];
  });
  return ['```mermaid', 'flowchart LR', ...lines, '```'].join('\n');
}

function relationSection(relation: CatalogRelation): string {
  const { stored, strategy, incrementOn = [], uniqueKey } = relation;
  const facts = [
    `${relation.kind}${strategy === undefined ? '' : `, ${strategy}`}${incrementOn.length === 0 ? '' : ` on ${incrementOn.map(code).join(', ')}`}`,
    ...(relation.route === undefined ? [] : [code(relation.route)]),
    ...(uniqueKey.length === 0 ? [] : [`one row for each ${uniqueKey.map(code).join(', ')}`]),
    ...(relation.tags.length === 0 ? [] : [`tags ${relation.tags.map(code).join(', ')}`]),
    ...(stored?.estimatedRows === undefined ? [] : [`about ${stored.estimatedRows.toLocaleString('en-US')} rows`]),
    ...(stored?.bytes === undefined ? [] : [formatBytes(stored.bytes)]),
    code(relation.file),
  ];
  const tests = (name: string): string => relation.tests.filter(({ columns }) => columns.length === 1 && columns[0] === name).map(describeTest).join(', ');
  const others = relation.tests.filter(({ columns }) => columns.length !== 1);
  return [
    `### ${escapeText(relation.name)}`,
    escapeText(relation.description),
    facts.join(' · '),
    ...(relation.readBy.length === 0 ? [] : [`Read by ${relation.readBy.map(code).join(', ')}`]),
    table(['column', 'type', 'description', 'data tests'], relation.columns.map(({ name, dataType, description }) => [code(name), dataType === undefined ? '' : code(dataType), escapeText(description ?? ''), tests(name)])),
    ...(relation.complete ? [] : ['A `*` may hide columns that only the database knows.']),
    ...(others.length === 0 ? [] : [`Data tests: ${others.map((test) => `${describeTest(test)}${test.columns.length === 0 ? '' : ` (${test.columns.map(code).join(', ')})`}`).join(', ')}`]),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function endpointSection({ route, file, description, parameters, columns, reads }: CatalogEndpoint): string {
  return [
    `### ${escapeText(route)}`,
    escapeText(description),
    `Reads ${reads.map(code).join(', ')} · gives ${columns.map(code).join(', ')} · ${code(file)}`,
    ...(parameters.length === 0 ? [] : [table(['parameter', 'type', '', 'description'], parameters.map(({ name, type, required, description: text }) => [code(name), type, required ? 'required' : '', escapeText(text)]))]),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function describeTest({ kind, onFail }: CatalogTest): string {
  return `${escapeText(kind)}${onFail === 'error' ? '' : ` (${onFail})`}`;
}

function describeRun({ status, runId, finishedAt, rowsIn, error }: LastRun): string {
  const what = `${runId === undefined ? '' : `${runId}, `}${status} ${finishedAt.slice(0, 19).replace('T', ' ')} UTC, ${rowsIn.toLocaleString('en-US')} rows in`;
  return error === undefined ? what : `${what}: ${escapeText(error)}`;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text on one line that Markdown shows as it stands, names in backticks as names. */
export function escapeText(text: string): string {
  const parts = text.replace(/\s+/g, ' ').trim().split(/`([^`]+)`/);
  return parts.map((part, at) => (at % 2 === 1 ? code(part) : escapePlain(part, at === 0))).join('');
}

function escapePlain(text: string, first: boolean): string {
  const escaped = text.replace(/[\\`*[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&');
  // Signs that begin a heading or a list do so at the start only.
  return first ? escaped.replace(/^[-+=#]/, '\\$&').replace(/^(\d+)([.)])/, '$1\\$2') : escaped;
}

/** A name in a fence that it cannot close; a pipe would end the cell of a table even inside it. */
function code(text: string): string {
  // Backslashes just before a pipe are doubled: an odd one would take the pipe's own.
  const line = text.replace(/\s+/g, ' ').replace(/\\(?=\\*\|)/g, '\\\\').replaceAll('|', '\\|');
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}

/** Mermaid reads quotes, HTML and `#name;` in a label. */
function escapeLabel(text: string): string {
  return text.replace(/[#"&<>\\`;]/g, (character) => `#${character.codePointAt(0)!};`).replace(/\s+/g, ' ');
}

function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]!}`;
}

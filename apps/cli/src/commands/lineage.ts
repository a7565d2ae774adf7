import { datasetLineage, LineageGraph, trace, UnknownNameError, type DatasetLineage, type Direction, type LineageColumn, type LineageEdge, type LineageEnd, type Trace } from '@ingot/datasets';
import { endpointReaders } from '@ingot/endpoints';
import { Command } from 'commander';
import { WrongUsage } from '../command-failed.js';
import type { Io } from '../io.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatTable } from '../output/table.js';
import { formatTree, type TreeNode } from '../output/tree.js';
import { loadProject } from '../project.js';

interface Options {
  readonly upstream?: boolean;
  readonly downstream?: boolean;
  readonly json?: boolean;
}

/**
 * With --json: without a name `{ datasets: DatasetLineage[] }`, each with its nodes, their columns and what each column
 * comes from; with one, a Trace: `{ node, column?, upstream?: Reached[], downstream?: Reached[] }`.
 */
export const lineageCommand = (io: Io): Command => new Command('lineage')
  .description('what a model or a column is made of and what is made of it, read from the parse trees')
  .argument('[name]', 'a model, source, seed or endpoint, or a column of one, as in stg_readings.device; everything when none is given')
  .option('--upstream', 'only what it depends on')
  .option('--downstream', 'only what depends on it')
  .addOption(jsonOption())
  .action(async (name: string | undefined, options: Options) => {
    const { parts } = await loadProject(io);
    const lineages = parts.map(({ dataset, endpoints }) => datasetLineage(dataset, endpointReaders(endpoints)));
    const graph = new LineageGraph(lineages.flatMap(({ nodes }) => nodes));
    if (name === undefined) return options.json ? writeJson(io, { datasets: lineages }) : writeWhole(io, lineages, graph);
    const both = options.upstream === options.downstream;
    const directions = (['upstream', 'downstream'] as const).filter((direction) => both || options[direction]);
    const traced = findTrace(graph, name, directions);
    if (options.json) return writeJson(io, traced);
    writeHead(io, graph, traced);
    for (const direction of directions) writeTree(io, graph, traced, direction);
  });

function findTrace(graph: LineageGraph, name: string, directions: readonly Direction[]): Trace {
  try {
    return trace(graph, name, directions);
  } catch (error) {
    throw error instanceof UnknownNameError ? new WrongUsage(error.message) : error;
  }
}

/** The graph of tables, from what reads nothing down to what nothing reads. */
function writeWhole(io: Io, lineages: readonly DatasetLineage[], graph: LineageGraph): void {
  for (const { dataset, nodes } of lineages) {
    const shown = new Set<string>();
    const roots = nodes.filter(({ reads }) => reads.length === 0).map(({ name }): TreeNode => ({ text: name, children: branches(io, graph, { node: name }, 'downstream', shown) }));
    io.out(`${paint(io, 'strong', dataset)}\n${formatTree(roots)}`);
  }
}

function writeHead(io: Io, { nodes }: LineageGraph, end: LineageEnd): void {
  const node = nodes.find(({ name }) => name === end.node)!;
  io.out(`${paint(io, 'strong', textOf(end))}  ${paint(io, 'quiet', `${node.kind} ${node.file}`)}\n`);
  if (end.column !== undefined || node.reads.length === 0 || node.columns.length === 0) return;
  io.out(formatTable(io, [{ title: 'column' }, { title: 'type' }, { title: 'comes from' }], node.columns.map((column) => [column.name, column.dataType ?? '', valuesOf(column)])));
  const conditions = [...new Set(node.columns.flatMap(({ from }) => from.filter(({ kind }) => kind === 'condition').map(({ relation, column }) => `${relation}.${column}`)))];
  if (conditions.length > 0) io.out(`${paint(io, 'quiet', 'rows depend on')} ${conditions.join(', ')}\n`);
}

function valuesOf({ from }: LineageColumn): string {
  const values = from.filter(({ kind }) => kind !== 'condition');
  return values.map(({ relation, column, kind }) => `${relation}.${column}${kind === 'same' ? '' : ' (computed)'}`).join(', ');
}

/** Values as a tree; what only decides about rows is mostly the same for all of them, so it is one line. */
function writeTree(io: Io, graph: LineageGraph, traced: Trace, direction: Direction): void {
  const trees = branches(io, graph, traced, direction, new Set());
  const conditions = (traced[direction] ?? []).filter(({ kind }) => kind === 'condition').map(textOf);
  io.out(`${direction}${trees.length + conditions.length === 0 ? ': nothing' : ''}\n${formatTree(trees)}`);
  if (conditions.length > 0) io.out(`${paint(io, 'quiet', direction === 'upstream' ? '   rows depend on' : '   decides about the rows of')} ${conditions.join(', ')}\n`);
}

/** What was shown once is named again, but not what is behind it. */
function branches(io: Io, graph: LineageGraph, end: LineageEnd, direction: Direction, shown: Set<string>): TreeNode[] {
  const valuesOfEnd = (from: LineageEnd): LineageEdge[] => graph.direct(from, direction).filter(({ kind }) => kind !== 'condition');
  return valuesOfEnd(end).map((edge): TreeNode => {
    const isNew = !shown.has(textOf(edge));
    shown.add(textOf(edge));
    const marks = [...(edge.kind === 'computed' ? ['(computed)'] : []), ...(!isNew && valuesOfEnd(edge).length > 0 ? ['…'] : [])];
    return { text: [textOf(edge), ...marks.map((mark) => paint(io, 'quiet', mark))].join(' '), children: isNew ? branches(io, graph, edge, direction, shown) : [] };
  });
}

function textOf({ node, column }: LineageEnd): string {
  return column === undefined ? node : `${node}.${column}`;
}

import { didYouMean } from '../nearest-name.js';
import type { LineageNode } from './dataset-lineage.js';
import type { Direction, LineageEnd, LineageGraph, Reached } from './lineage-graph.js';

/** No node or column has this name; the message names the nearest. */
export class UnknownNameError extends Error {
  override readonly name = 'UnknownNameError';
}

/** What one node or column depends on and what depends on it; plain data. */
export interface Trace extends LineageEnd {
  /** Nearest first; between nodes as a whole without a kind. Absent when not asked for. */
  readonly upstream?: readonly Reached[];
  readonly downstream?: readonly Reached[];
}

/**
 * Follows a node or a column as far as it goes.
 * @param name as findEnd takes it
 * @throws UnknownNameError
 */
export function trace(graph: LineageGraph, name: string, directions: readonly Direction[] = ['upstream', 'downstream']): Trace {
  const end = findEnd(graph, name);
  return { ...end, ...Object.fromEntries(directions.map((direction) => [direction, graph.reach(end, direction)])) };
}

/**
 * The node or column a person means by `silver.stg_readings`, `stg_readings`, `stg_readings.device`, `/data` or
 * `/data.value`.
 * @throws UnknownNameError with the nearest name, or when several are meant
 */
export function findEnd({ nodes }: LineageGraph, name: string): LineageEnd {
  const whole = findNode(nodes, name);
  if (whole !== undefined) return { node: whole.name };
  const dot = name.lastIndexOf('.');
  const node = dot < 0 ? undefined : findNode(nodes, name.slice(0, dot));
  const column = name.slice(dot + 1);
  if (node === undefined) throw new UnknownNameError(`there is no ${name}${didYouMean(name, nodes.flatMap(namesOf))}`);
  const names = node.columns.map((known) => known.name);
  if (!node.complete || names.includes(column)) return { node: node.name, column };
  throw new UnknownNameError(`${node.name} has no column ${column}${didYouMean(column, names) || `; it has ${names.join(', ')}`}`);
}

function findNode(nodes: readonly LineageNode[], name: string): LineageNode | undefined {
  const found = nodes.filter((node) => namesOf(node).includes(name));
  const exact = found.find((node) => node.name === name);
  if (exact !== undefined || found.length < 2) return exact ?? found[0];
  throw new UnknownNameError(`${name} is the name of ${found.map((node) => node.name).join(' and ')}`);
}

function namesOf({ name, kind }: LineageNode): string[] {
  if (kind === 'endpoint') return [name, name.replace(/^GET /, '')];
  return [name, name.slice(name.search(/[./]/) + 1)];
}

import { didYouMean } from '../nearest-name.js';
import { bareName } from '../relation-name.js';
import type { Selectable } from './selectable.js';

/** A selector that cannot be read, or that nothing answers to: in a name, silence would look like success. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/** One part of a selector, e.g. `2+tag:daily+`. */
export interface Selector {
  readonly text: string;
  readonly method: Method;
  readonly value: string;
  /** Edges followed towards what it reads, and towards what reads it; 0 without a `+`. */
  readonly upstream: number;
  readonly downstream: number;
}

const METHODS = ['name', 'tag', 'path', 'source', 'state'] as const;
type Method = (typeof METHODS)[number];

const STATES = ['modified'];

/**
 * Reads terms as dbt writes them: blanks and several terms unite, a comma intersects.
 * @returns for each term of the union, the parts that must all hold
 * @throws SelectorError
 */
export function parseSelectors(terms: readonly string[]): Selector[][] {
  return terms.flatMap((term) => term.split(/\s+/).filter((text) => text !== '')).map((text) => text.split(',').map(parseSelector));
}

function parseSelector(text: string): Selector {
  const [, up, core = '', down] = /^(\d*\+)?(.*?)(\+\d*)?$/.exec(text) ?? [];
  if (core === '') throw new SelectorError(`the selector "${text}" names nothing`);
  if (core.startsWith('@')) throw new SelectorError(`the selector ${text}: @ is not built; +${core.slice(1)}+ selects what it reads and what reads it`);
  const method = /^([a-z_]+):/.exec(core)?.[1];
  const known = METHODS.find((name) => name === method);
  if (method !== undefined && known === undefined) {
    throw new SelectorError(`the selector ${text}: unknown method ${method}:${didYouMean(method, METHODS) || `; known are ${METHODS.map((name) => `${name}:`).join(' ')}`}`);
  }
  const value = method === undefined ? core : core.slice(method.length + 1);
  if (value === '') throw new SelectorError(`the selector ${text} says nothing after ${method}:`);
  if (known === 'state' && !STATES.includes(value)) throw new SelectorError(`the selector ${text}: unknown state ${value}${didYouMean(value, STATES) || '; known is modified'}`);
  return { text, method: known ?? (value.includes('/') ? 'path' : 'name'), value, upstream: depthOf(up), downstream: depthOf(down) };
}

function depthOf(plus: string | undefined): number {
  if (plus === undefined) return 0;
  const digits = plus.replace('+', '');
  return digits === '' ? Infinity : Number(digits);
}

/**
 * The nodes that a selector names, graph operators aside.
 * @param modified for `state:modified`
 * @throws SelectorError when it names nothing, with the nearest name
 */
export function matches(selector: Selector, nodes: readonly Selectable[], modified: ReadonlySet<string> | undefined): Selectable[] {
  const { method, value, text } = selector;
  if (method === 'state') {
    if (modified === undefined) throw new SelectorError(`the selector ${text} compares with what was applied, which this command does not look at`);
    return nodes.filter(({ name }) => modified.has(name)); // none is an answer
  }
  const found = nodes.filter(TESTS[method](value));
  if (found.length === 0) throw new SelectorError(`the selector ${text} matches nothing${didYouMean(value, NAMES[method](nodes, value))}`);
  return found;
}

type Named = Exclude<Method, 'state'>;

const TESTS: Record<Named, (value: string) => (node: Selectable) => boolean> = {
  name: (value) => ({ name }) => namesOf(name).some(glob(value)),
  tag: (value) => ({ tags }) => tags.some(glob(value)),
  path: (value) => {
    const path = value.replace(/^\.\//, '').replace(/\/+$/, '');
    const [whole, below] = [glob(path), glob(`${path}/*`)];
    return ({ file }) => whole(file) || below(file);
  },
  source: (value) => ({ kind, name }) => kind === 'source' && namesOf(name).some(glob(value)),
};

/** What could have been meant. */
const NAMES: Record<Named, (nodes: readonly Selectable[], value: string) => string[]> = {
  name: (nodes, value) => nodes.map(({ name }) => (value.includes('.') ? name : bareName(name))),
  tag: (nodes) => nodes.flatMap(({ tags }) => tags),
  path: (nodes) => [...new Set(nodes.flatMap(({ file }) => [file, ...file.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))]))].filter((path) => path !== ''),
  source: (nodes, value) => NAMES.name(nodes.filter(({ kind }) => kind === 'source'), value),
};

/** A relation answers to its whole name and to that without the schema. */
function namesOf(name: string): string[] {
  return [name, bareName(name)];
}

/** `*` stands for anything, also nothing; everything else for itself. */
function glob(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`, 's');
  return (text) => expression.test(text);
}

import type { Dataset } from '../dataset.js';
import type { UnitTest } from '../unit-tests/unit-test.js';
import { SelectionGraph } from './selectable.js';
import { matches, parseSelectors } from './selector.js';

export interface SelectOptions {
  /** Terms whose nodes are left out. */
  readonly exclude?: readonly string[];
  /** Relations that differ from what was applied, for `state:modified`; undefined where nobody knows. */
  readonly modified?: ReadonlySet<string>;
  /** Selected as data tests are: by name, by file, with the model they test. */
  readonly unitTests?: readonly UnitTest[];
}

/** What was selected. */
export interface Selection {
  /** Sources, seeds and models, each after what it reads. */
  readonly relations: readonly string[];
  /** Names of data tests: those named, and those that look at a selected relation. */
  readonly tests: readonly string[];
}

/**
 * Selects as dbt does: `name` (bare or with its schema, `*` for any text), `tag:`, `path:` (a bare term with a slash is
 * one), `source:`, `state:modified`; `+x`, `2+x`, `x+`, `x+1` with what it reads and what reads it; several terms, or
 * blanks in one, unite, a comma intersects. A test is selected with any relation it looks at, or by its own name.
 * @param terms none selects everything
 * @throws SelectorError for a selector that cannot be read or that nothing answers to, with the nearest name
 */
export function select(datasets: readonly Dataset[], terms: readonly string[], options: SelectOptions = {}): Selection {
  const graph = new SelectionGraph(datasets, options.unitTests);
  const everything = new Set(graph.nodes.map(({ name }) => name));
  const wanted = terms.length === 0 ? everything : selected(graph, terms, options.modified);
  const unwanted = selected(graph, options.exclude ?? [], options.modified);
  const left = graph.nodes.filter(({ name }) => wanted.has(name) && !unwanted.has(name));
  return {
    relations: left.flatMap(({ name, kind }) => (kind === 'test' ? [] : [name])),
    tests: left.flatMap(({ name, kind }) => (kind === 'test' ? [name] : [])),
  };
}

function selected(graph: SelectionGraph, terms: readonly string[], modified: ReadonlySet<string> | undefined): Set<string> {
  const found = new Set<string>();
  for (const parts of parseSelectors(terms)) {
    const sets = parts.map((selector) => {
      const named = matches(selector, graph.nodes, modified).map(({ name }) => name);
      const [above, below] = [graph.reach(named, 'upstream', selector.upstream), graph.reach(named, 'downstream', selector.downstream)];
      return withTests(graph, new Set([...above, ...below]));
    });
    const [first, ...others] = sets;
    for (const name of first ?? []) if (others.every((set) => set.has(name))) found.add(name);
  }
  return found;
}

function withTests(graph: SelectionGraph, names: ReadonlySet<string>): ReadonlySet<string> {
  const tests = graph.nodes.filter(({ kind, reads }) => kind === 'test' && reads.some((read) => names.has(read)));
  return new Set([...names, ...tests.map(({ name }) => name)]);
}

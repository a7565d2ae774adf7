import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CycleError, Graph } from './graph.js';

const graphOf = (edges: Record<string, string>): Graph => Object.entries(edges).reduce((graph, [node, needs]) => graph.add(node, needs), new Graph());
const pathOf = (graph: Graph): readonly string[] => {
  try {
    graph.order();
  } catch (error) {
    if (error instanceof CycleError) return error.path;
    throw error;
  }
  return [];
};

describe('Graph', () => {
  it('puts each node after what it needs, equals by name', () => {
    expect(graphOf({ d: 'bc', c: 'a', b: 'a', z: '' }).order()).toEqual(['a', 'b', 'c', 'd', 'z']);
    expect(graphOf({ z: '', a: 'z', b: '' }).order()).toEqual(['b', 'z', 'a']);
  });

  it('does not depend on the order of adding', () => {
    expect(new Graph().add('a').add('c', 'ab').add('b', 'a').order()).toEqual(new Graph().add('b', 'a').add('c', 'ba').order());
  });

  it('names the path of a cycle, beginning with its first node by name', () => {
    expect(pathOf(graphOf({ a: '', d: 'ca', c: 'b', b: 'd', e: 'd' }))).toEqual(['b', 'd', 'c', 'b']);
    expect(pathOf(graphOf({ a: 'a' }))).toEqual(['a', 'a']);
    expect(() => graphOf({ a: 'b', b: 'a' }).order()).toThrow('cycle: a -> b -> a');
  });

  it('gives a node with all it needs, or with all that need it', () => {
    const graph = graphOf({ b: 'a', c: 'b', x: 'a', y: 'x' });
    expect(graph.subgraph(['c']).order()).toEqual(['a', 'b', 'c']);
    expect(graph.descendants(['x']).order()).toEqual(['x', 'y']);
    expect(graph.subgraph(['nobody']).order()).toEqual([]);
    expect(graph.needsOf('c')).toEqual(['b']);
  });

  it('orders every graph without a cycle, and names a true cycle in every other', () => {
    const letters = fc.constantFrom(...'abcdefg');
    fc.assert(
      fc.property(fc.array(fc.tuple(letters, letters), { maxLength: 12 }), (edges) => {
        const graph = new Graph();
        for (const [node, need] of edges) graph.add(node, need);
        const has = (node: string, need: string): boolean => edges.some(([n, d]) => n === node && d === need);
        const path = pathOf(graph);
        if (path.length > 0) {
          expect(path[0]).toBe(path.at(-1));
          for (const [i, node] of path.slice(0, -1).entries()) expect(has(node, path[i + 1]!)).toBe(true);
        } else {
          const order = graph.order();
          expect(new Set(order)).toEqual(new Set(edges.flat()));
          for (const [node, need] of edges) expect(order.indexOf(need)).toBeLessThan(order.indexOf(node));
        }
      }),
    );
  });
});

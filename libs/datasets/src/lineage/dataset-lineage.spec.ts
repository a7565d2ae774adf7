import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { load, sqlFile } from '../../test/written-dataset.js';
import { datasetLineage, type DatasetLineage, type LineageColumn } from './dataset-lineage.js';
import { LineageGraph } from './lineage-graph.js';
import { findEnd, trace } from './trace.js';

const FILES = {
  'silver/stg.sql': sqlFile(
    'materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw',
    "select id as raw_id, device, split_part(line, ' ', 1)::date as day, split_part(line, ' ', 2) as metric, split_part(line, ' ', 3)::numeric as value from bronze.raw where line <> ''",
  ),
  'silver/daily.sql': sqlFile('materialized: view', 'select day, device, metric, count(*) as n, sum(value) as total from silver.stg group by 1, 2, 3'),
  'gold/power.sql': sqlFile('materialized: view', "select day, device, v.total * c.total as power from silver.daily v join silver.daily c using (day, device) where v.metric = 'V' and c.metric = 'C'"),
  'gold/wide.sql': sqlFile('materialized: view', 'select *, power / 2 as half from gold.power'),
};
const ENDPOINT = { name: 'GET /power', kind: 'endpoint' as const, file: 'sql/t/endpoints/power.sql', text: 'select day::text as time, power as value from gold.power where day between $1 and $2' };

const column = (lineage: DatasetLineage, node: string, name: string): LineageColumn['from'] => lineage.nodes.find((known) => known.name === node)!.columns.find((known) => known.name === name)!.from;

describe('the lineage of a dataset', () => {
  let lineage: DatasetLineage;
  let graph: LineageGraph;

  beforeAll(async () => {
    lineage = datasetLineage(await load(FILES), [ENDPOINT]);
    graph = new LineageGraph(lineage.nodes);
  });

  it('holds every node after what it reads, with its columns', () => {
    expect(lineage.nodes.map(({ name, kind, reads }) => [name, kind, ...reads])).toEqual([
      ['bronze.raw', 'source'],
      ['silver.stg', 'incremental', 'bronze.raw'],
      ['silver.daily', 'view', 'silver.stg'],
      ['gold.power', 'view', 'silver.daily'],
      ['gold.wide', 'view', 'gold.power'],
      ['GET /power', 'endpoint', 'gold.power'],
    ]);
    expect(lineage.nodes.find(({ name }) => name === 'gold.wide')!.columns.map(({ name }) => name)).toEqual(['day', 'device', 'power', 'half']);
    expect(lineage.nodes.every(({ complete }) => complete)).toBe(true);
  });

  it('gives each column what it comes from, conditions too', () => {
    expect(column(lineage, 'silver.stg', 'day')).toEqual([{ relation: 'bronze.raw', column: 'line', kind: 'computed' }]);
    expect(column(lineage, 'silver.stg', 'raw_id')).toEqual([
      { relation: 'bronze.raw', column: 'id', kind: 'same' },
      { relation: 'bronze.raw', column: 'line', kind: 'condition' },
    ]);
    expect(column(lineage, 'gold.power', 'power')).toEqual([
      { relation: 'silver.daily', column: 'day', kind: 'condition' },
      { relation: 'silver.daily', column: 'device', kind: 'condition' },
      { relation: 'silver.daily', column: 'metric', kind: 'condition' },
      { relation: 'silver.daily', column: 'total', kind: 'computed' },
    ]);
    expect(column(lineage, 'GET /power', 'value')).toEqual([
      { relation: 'gold.power', column: 'day', kind: 'condition' },
      { relation: 'gold.power', column: 'power', kind: 'same' },
    ]);
  });

  it('follows a column upstream and downstream; a way is as strong as its weakest edge', () => {
    const short = (name: string, direction: 'upstream' | 'downstream'): string[] => trace(graph, name)[direction]!.map((end) => `${end.distance} ${end.node}.${end.column ?? ''} ${end.kind ?? ''}`);
    expect(short('gold.power.power', 'upstream').filter((line) => !line.includes('condition'))).toEqual(['1 silver.daily.total computed', '2 silver.stg.value computed', '3 bronze.raw.line computed']);
    expect(short('stg.device', 'downstream')).toEqual([
      ...['1 silver.daily.day condition', '1 silver.daily.device same', '1 silver.daily.metric condition', '1 silver.daily.n condition', '1 silver.daily.total condition'],
      ...['2 gold.power.day condition', '2 gold.power.device same', '2 gold.power.power condition'],
      ...['3 gold.wide.day condition', '3 gold.wide.device same', '3 gold.wide.half condition', '3 gold.wide.power condition', '3 GET /power.time condition', '3 GET /power.value condition'],
    ]);
    expect(short('gold.power', 'upstream')).toEqual(['1 silver.daily. ', '2 silver.stg. ', '3 bronze.raw. ']);
    expect(short('daily', 'downstream')).toEqual(['1 gold.power. ', '2 gold.wide. ', '2 GET /power. ']);
  });

  it('follows only the way asked for', () => {
    expect(Object.keys(trace(graph, 'daily', ['upstream']))).toEqual(['node', 'upstream']);
  });

  it('finds what a person means', () => {
    expect(findEnd(graph, 'silver.stg')).toEqual({ node: 'silver.stg' });
    expect(findEnd(graph, 'stg.value')).toEqual({ node: 'silver.stg', column: 'value' });
    expect(findEnd(graph, 'silver.stg.value')).toEqual({ node: 'silver.stg', column: 'value' });
    expect(findEnd(graph, '/power.time')).toEqual({ node: 'GET /power', column: 'time' });
    expect(() => findEnd(graph, 'silver.sgt')).toThrow('there is no silver.sgt; did you mean silver.stg?');
    expect(() => findEnd(graph, 'dialy')).toThrow('there is no dialy; did you mean daily?');
    expect(() => findEnd(graph, 'daily.totl')).toThrow('silver.daily has no column totl; did you mean total?');
    expect(() => findEnd(graph, 'gold.wide.zzz')).toThrow('gold.wide has no column zzz; it has day, device, power, half');
    const twice = new LineageGraph([...lineage.nodes, { name: 'gold.stg', kind: 'view', file: '', reads: [], columns: [], complete: true }]);
    expect(() => findEnd(twice, 'stg')).toThrow('stg is the name of silver.stg and gold.stg');
  });

  it('takes columns that no file names from a catalogue', async () => {
    const open = { 'gold/open.sql': sqlFile('materialized: view', 'select (f).*, id from (select id, jsonb_each(to_jsonb(line)) as f from bronze.raw) x') };
    const dataset = await load(open);
    expect(datasetLineage(dataset).nodes[1]).toMatchObject({ name: 'gold.open', complete: false });
    const known = datasetLineage(dataset, [], new Map([['gold.open', ['key', 'value', 'id']]]));
    expect(known.nodes[1]).toMatchObject({ complete: true });
    expect(known.nodes[1]!.columns.map(({ name }) => name).sort()).toEqual(['id', 'key', 'value']);
    expect(column(known, 'gold.open', 'key')).toEqual([{ relation: 'bronze.raw', column: 'line', kind: 'computed' }]);
  });

  it('reaches along random graphs what a walk along every way reaches', () => {
    const kinds = ['same', 'computed', 'condition'] as const;
    const edges = fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.constantFrom(...kinds)), { maxLength: 12 });
    fc.assert(
      fc.property(edges, (drawn) => {
        const links = drawn.filter(([a, b]) => a < b);
        const nodes = [0, 1, 2, 3, 4, 5].map((at) => ({
          name: `n${at}`,
          kind: 'view' as const,
          file: '',
          reads: [],
          complete: true,
          columns: [{ name: 'x', from: links.filter(([, to]) => to === at).map(([from, , kind]) => ({ relation: `n${from}`, column: 'x', kind })) }],
        }));
        const best = new Map<string, number>();
        const walk = (at: number, strength: number): void => {
          for (const [from, to, kind] of links) {
            if (from !== at) continue;
            const reached = Math.min(strength, 2 - kinds.indexOf(kind));
            best.set(`n${to}`, Math.max(best.get(`n${to}`) ?? 0, reached));
            walk(to, reached);
          }
        };
        walk(0, 2);
        const found = new LineageGraph(nodes).reach({ node: 'n0', column: 'x' }, 'downstream').map(({ node, kind }) => [node, 2 - kinds.indexOf(kind!)] as const);
        expect(new Map(found)).toEqual(best);
      }),
      { numRuns: 300 },
    );
  });
});

import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { load, sqlFile } from '../../test/written-dataset.js';
import { datasetLineage } from '../lineage/dataset-lineage.js';
import { buildCatalog, type CatalogFacts, type CatalogPart } from './catalog.js';
import { catalogMarkdown, escapeText, mermaid } from './markdown.js';

const NOW = new Date('2026-11-21T12:37:05Z');
const NASTY = 'one | two "three" <b>bold</b> `code | x` *no* [link](x) &lt;';
const FILES = {
  'silver/stg.sql': sqlFile(
    `description: '${NASTY}'\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw\ncolumns:\n  - name: raw_id\n    data_type: bigint\n    description: The | number\n    data_tests: [not_null, unique]`,
    'select id as raw_id, device, line::int as value from bronze.raw',
  ),
  'gold/sums.sql': sqlFile('materialized: view', 'select device, sum(value) as total from silver.stg group by device'),
};
const ENDPOINT = { route: 'GET /sums', file: 'sql/t/endpoints/sums.sql', description: 'Sums.', parameters: [{ name: 'device', type: 'text', required: true, description: 'which | one' }] };

describe('a catalog', () => {
  let part: CatalogPart;

  beforeAll(async () => {
    const dataset = await load(FILES);
    const lineage = datasetLineage(dataset, [{ name: ENDPOINT.route, kind: 'endpoint', file: ENDPOINT.file, text: 'select device, total from gold.sums where device = $1' }]);
    part = { dataset, lineage, endpoints: [ENDPOINT] };
  });

  it('holds what the files say', () => {
    const catalog = buildCatalog([part], undefined, NOW);
    expect(catalog).toMatchObject({ generatedAt: '2026-11-21T12:37:05.000Z', fromDatabase: false });
    const [dataset] = catalog.datasets;
    expect(dataset!.relations.map(({ name, kind, reads, readBy }) => [name, kind, reads, readBy])).toEqual([
      ['bronze.raw', 'source', [], ['silver.stg']],
      ['silver.stg', 'incremental', ['bronze.raw'], ['gold.sums']],
      ['gold.sums', 'view', ['silver.stg'], ['GET /sums']],
    ]);
    const stg = dataset!.relations[1]!;
    expect(stg).toMatchObject({ description: NASTY, strategy: 'append', incrementOn: ['bronze.raw'], file: 'sql/t/silver/stg.sql', complete: true });
    expect(stg.columns).toEqual([{ name: 'raw_id', dataType: 'bigint', description: 'The | number' }, { name: 'device', dataType: 'text' }, { name: 'value', dataType: 'int4' }]);
    expect(stg.tests.map(({ kind, columns, onFail }) => [kind, columns, onFail])).toEqual([['not_null', ['raw_id'], 'error'], ['unique', ['raw_id'], 'error']]);
    expect(dataset!.relations[0]).toMatchObject({ route: 'POST /data' });
    expect(dataset!.endpoints).toEqual([{ ...ENDPOINT, columns: ['device', 'total'], reads: ['gold.sums'] }]);
    expect(dataset).not.toHaveProperty('lastRun');
    expect(JSON.parse(JSON.stringify(catalog))).toEqual(catalog);
  });

  it('takes types, sizes and the last run from a database', () => {
    const facts: CatalogFacts = {
      relations: new Map([['silver.stg', { columns: [{ name: 'raw_id', dataType: 'bigint' }, { name: 'value', dataType: 'integer' }], estimatedRows: 12_400, bytes: 1_500_000 }]]),
      lastRuns: new Map([['t', { status: 'failed', startedAt: '2026-11-21T12:00:00.000Z', finishedAt: '2026-11-21T12:00:01.000Z', rowsIn: 3, error: 'no | way' }]]),
    };
    const catalog = buildCatalog([part], facts, NOW);
    expect(catalog.fromDatabase).toBe(true);
    expect(catalog.datasets[0]!.relations[1]!.columns[2]).toEqual({ name: 'value', dataType: 'integer' });
    expect(catalog.datasets[0]!.relations[2]).not.toHaveProperty('stored');
    const text = catalogMarkdown(catalog, part.lineage.nodes);
    expect(text).toContain('Last run: failed 2026-11-21 12:00:01 UTC, 3 rows in: no \\| way');
    expect(text).toContain('about 12,400 rows · 1.4 MB');
  });

  it('is Markdown whose tables and graph no description can break', () => {
    const text = catalogMarkdown(buildCatalog([part], undefined, NOW), part.lineage.nodes);
    expect(text).toContain('one \\| two "three" \\<b\\>bold\\</b\\> `code \\| x` \\*no\\* \\[link\\](x) \\&lt;');
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect([row, row.match(/(?<!\\)\|/g)!.length]).toEqual([row, 5]);
    expect(text).toContain('| `raw_id` | `bigint` | The \\| number | not_null, unique |');
    expect(text).toContain(['```mermaid', 'flowchart LR', '  n0[("bronze.raw")]', '  n1["silver.stg"]', '  n0 --> n1', '  n2(["gold.sums"])', '  n1 --> n2', '  n3>"GET /sums"]', '  n2 --> n3', '```'].join('\n'));
  });

  it('gives a label of Mermaid no character that means something to it', () => {
    const node = { kind: 'view' as const, file: '', reads: [], columns: [], complete: true };
    expect(mermaid([{ ...node, name: 'a"]; click n0 <x> #quot; `b`' }])).toBe('```mermaid\nflowchart LR\n  n0(["a#34;]#59; click n0 #60;x#62; #35;quot#59; #96;b#96;"])\n```');
  });

  it('keeps every text on one line, in one cell', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab1 _*`|<>[]()#-+=.\\&$~\n"!'), maxLength: 24 }), (text) => {
        const escaped = escapeText(text);
        expect(escaped).not.toMatch(/\n|(?<!\\)(\\\\)*\|/);
        if (text.includes('`')) return; // names in backticks may hold any sign
        expect(escaped).not.toMatch(/^([-+=#]|\d+[.)])/);
        expect(escaped.replace(/\\./g, '')).not.toMatch(/[*<>[\]~\\]/);
        expect(escaped.replace(/\\(.)/g, '$1')).toBe(text.replace(/\s+/g, ' ').trim());
      }),
      { numRuns: 500 },
    );
  });
});

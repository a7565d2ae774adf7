import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCatalog, catalogMarkdown, jsonDocument, type CatalogFacts } from '@ingot/datasets';
import { catalogPart } from '@ingot/endpoints';
import { readCatalogFacts } from '@ingot/models';
import { Command } from 'commander';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { formatError } from '../output/errors.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCounted } from '../output/quantities.js';
import { loadProject, type Project } from '../project.js';

interface Options {
  readonly out: string;
  readonly database: boolean;
  readonly json?: boolean;
}

/**
 * Writes `catalog.json` (a Catalog), `lineage.json` (`{ datasets: DatasetLineage[] }`, as `ingot lineage --json`) and
 * `catalog.md`. With --json the names of the files: `{ files, fromDatabase }`.
 */
export const docsCommand = (io: Io): Command => new Command('docs')
  .description('write the catalog of sources, models, columns, tests and endpoints, and their lineage')
  .option('--out <folder>', 'where to', 'target/docs')
  .option('--no-database', 'ask no database for types, sizes and last runs')
  .addOption(jsonOption())
  .action(async (options: Options) => {
    const project = await loadProject(io);
    const facts = options.database ? await askDatabase(io, project) : undefined;
    const catalogue = new Map([...(facts?.relations ?? [])].map(([relation, { columns }]) => [relation, columns.map(({ name }) => name)]));
    const parts = project.parts.map(({ dataset, endpoints }) => catalogPart(dataset, endpoints, catalogue));
    const lineages = parts.map(({ lineage }) => lineage);
    const catalog = buildCatalog(parts, facts, new Date());
    const contents: Readonly<Record<string, string>> = {
      'catalog.json': `${JSON.stringify(jsonDocument(catalog), undefined, 2)}\n`,
      'lineage.json': `${JSON.stringify(jsonDocument({ datasets: lineages }), undefined, 2)}\n`,
      'catalog.md': catalogMarkdown(catalog, lineages.flatMap(({ nodes }) => nodes)),
    };
    await mkdir(options.out, { recursive: true });
    const files = Object.keys(contents).map((name) => join(options.out, name));
    await Promise.all(Object.entries(contents).map(([name, text]) => writeFile(join(options.out, name), text)));
    if (options.json) return writeJson(io, { files, fromDatabase: catalog.fromDatabase });
    const relations = catalog.datasets.reduce((sum, dataset) => sum + dataset.relations.length, 0);
    io.out(`wrote ${files.join(', ')}: ${formatCounted(relations, 'relation')}${catalog.fromDatabase ? '' : ', without a database'}\n`);
  });

/** What the database knows; undefined, with the reason said, when it cannot be asked: a catalog of the files is still one. */
async function askDatabase(io: Io, { config }: Project): Promise<CatalogFacts | undefined> {
  // Starting the embedded server would make a database only to find it empty.
  if (config.DATABASE_URL === undefined && !existsSync(join(config.INGOT_DATA_DIR, 'postgres'))) {
    io.say(`no database: DATABASE_URL is not set and ${config.INGOT_DATA_DIR} holds none`);
    return undefined;
  }
  try {
    return await withDatabase(io, { name: 'ingot docs' }, ({ client, datasets }) => readCatalogFacts(client, datasets));
  } catch (error) {
    if (io.signal.aborted) throw error;
    io.say(`no database: ${formatError(io, error)}`);
    return undefined;
  }
}

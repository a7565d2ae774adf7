import { DatasetError } from '@ingot/datasets';
import { Command } from 'commander';
import { CommandFailed } from '../command-failed.js';
import type { Io } from '../io.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatProblem, projectTexts } from '../output/located.js';
import { formatCounted } from '../output/quantities.js';
import { loadProject, type ProjectPart } from '../project.js';

export const parseCommand = (io: Io): Command => new Command('parse')
  .description('check every file under sql/ with the real PostgreSQL grammar, without a database')
  .addOption(jsonOption())
  .action(async (options: { json?: boolean }) => {
    const { config, parts } = await loadProject(io).catch((error: unknown) => {
      if (!options.json || !(error instanceof DatasetError)) throw error;
      writeJson(io, { ok: false, problems: error.problems, warnings: [], datasets: [] });
      throw new CommandFailed();
    });
    const warnings = parts.flatMap(({ dataset }) => dataset.warnings);
    if (options.json) return writeJson(io, { ok: true, problems: [], warnings, datasets: parts.map(countsOf) });
    for (const warning of warnings) {
      io.say(formatProblem(io, { ...warning, message: `${paint(io, 'warning', 'warning')}: ${warning.message}` }, projectTexts(config.INGOT_SQL_DIR)));
    }
    for (const part of parts) io.out(`${part.dataset.name}: ${describe(part)}\n`);
  });

/** One entry of `datasets` in the JSON of `ingot parse`. */
function countsOf({ dataset, endpoints, unitTests }: ProjectPart) {
  const tests = [...dataset.models, ...dataset.seeds].reduce((count, { dataTests }) => count + dataTests.length, dataset.dataTests.length);
  return {
    name: dataset.name,
    sources: dataset.sources.length,
    seeds: dataset.seeds.length,
    models: dataset.models.length,
    dataTests: tests,
    unitTests: unitTests.length,
    endpoints: endpoints.length,
  };
}

function describe(part: ProjectPart): string {
  const { sources, seeds, models, dataTests, unitTests, endpoints } = countsOf(part);
  const counted: [number, string][] = [[sources, 'source'], [seeds, 'seed'], [models, 'model'], [dataTests, 'data test'], [unitTests, 'unit test'], [endpoints, 'endpoint']];
  return counted.filter(([count, noun]) => count > 0 || noun === 'model').map(([count, noun]) => formatCounted(count, noun)).join(', ');
}

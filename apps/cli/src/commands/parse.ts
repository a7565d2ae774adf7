import { loadConfig } from '@ingot/config';
import { loadDatasets } from '@ingot/datasets';
import { loadEndpoints } from '@ingot/endpoints';
import { Command } from 'commander';
import type { Io } from '../io.js';

export const parseCommand = (io: Io): Command => new Command('parse')
  .description('check every file under sql/ with the real PostgreSQL grammar, without a database')
  .action(async () => {
    const { INGOT_SQL_DIR } = loadConfig(io.env);
    for (const dataset of await loadDatasets(INGOT_SQL_DIR)) {
      const endpoints = await loadEndpoints(INGOT_SQL_DIR, dataset);
      const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
      io.out(`${dataset.name}: ${count(dataset.sources.length, 'source')}, ${count(dataset.models.length, 'model')}, ${count(endpoints.length, 'endpoint')}\n`);
    }
  });

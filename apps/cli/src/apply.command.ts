import { loadConfig } from '@ingot/config';
import { loadDatasets } from '@ingot/datasets';
import { migrate } from '@ingot/db';
import { apply, checkCluster } from '@ingot/models';
import { checkServer, connect, startEmbedded } from '@ingot/postgres';
import { Command } from 'commander';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

export const applyCommand = new Command('apply')
  .description('migrate the database and make it agree with the files under sql/')
  .action(async () => {
    const config = loadConfig(process.env);
    const datasets = await loadDatasets(config.INGOT_SQL_DIR);
    const server = config.DATABASE_URL === undefined ? await startEmbedded({ dataDir: config.INGOT_DATA_DIR, onProgress: say }) : undefined;
    try {
      const url = server?.url ?? config.DATABASE_URL ?? '';
      for (const warning of await checkServer(url)) say(warning);
      for (const name of await migrate(url)) say(`migrated: ${name}`);
      const client = await connect({ url, name: 'ingot apply', settings: { jit: 'off' } });
      try {
        await checkCluster(client);
        for (const dataset of datasets) {
          await apply(client, dataset, say);
          say(`applied: ${dataset.name}`);
        }
      } finally {
        await client.end();
      }
    } finally {
      await server?.stop();
    }
  });

import { apply } from '@ingot/models';
import { Command } from 'commander';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';

export const applyCommand = (io: Io): Command => new Command('apply')
  .description('migrate the database and make it agree with the files under sql/')
  .action(() => withDatabase(io, { name: 'ingot apply', migrate: true }, async ({ client, datasets }) => {
    for (const dataset of datasets) {
      await apply(client, dataset, (line) => io.say(line));
      io.say(`applied: ${dataset.name}`);
    }
  }));

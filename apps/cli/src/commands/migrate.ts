import { loadConfig } from '@ingot/config';
import { Command } from 'commander';
import { prepare, withServer } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';

export const migrateCommand = (io: Io): Command => new Command('migrate')
  .description('bring the operational schema up to date, and the watermarks to the server the database was restored on')
  .addOption(jsonOption())
  .action(({ json }: { json?: boolean }) => withServer(io, loadConfig(io.env), async (url) => {
    const { migrated, base } = await prepare(io, url);
    if (json) writeJson(io, { migrated, xid_base: base ?? null });
    else if (migrated.length === 0 && base === undefined) io.out('nothing to do\n');
  }));

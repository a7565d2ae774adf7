import { describeConfig, loadConfig, plainConfig } from '@ingot/config';
import { Command } from 'commander';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';

export const configCommand = (io: Io): Command => new Command('config')
  .description('print every setting as the environment gives it, secrets hidden')
  .addOption(jsonOption())
  .action(({ json }: { json?: boolean }) => {
    const config = loadConfig(io.env);
    if (json) writeJson(io, plainConfig(config));
    else io.out(`${describeConfig(config)}\n`);
  });

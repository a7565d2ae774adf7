import { describeConfig, loadConfig } from '@ingot/config';
import { Command } from 'commander';

export const configCommand = new Command('config')
  .description('print every setting as the environment gives it, secrets hidden')
  .action(() => {
    process.stdout.write(`${describeConfig(loadConfig(process.env))}\n`);
  });

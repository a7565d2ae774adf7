import { describeConfig, loadConfig } from '@ingot/config';
import { Command } from 'commander';
import type { Io } from '../io.js';

export const configCommand = (io: Io): Command => new Command('config')
  .description('print every setting as the environment gives it, secrets hidden')
  .action(() => {
    io.out(`${describeConfig(loadConfig(io.env))}\n`);
  });

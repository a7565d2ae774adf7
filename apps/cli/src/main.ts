import { ConfigError } from '@ingot/config';
import { Command } from 'commander';
import { applyCommand } from './apply.command.js';
import { configCommand } from './config.command.js';
import { parseCommand } from './parse.command.js';

const program = new Command('ingot')
  .description('Sensor lines in, tested SQL models, SQL endpoints out.')
  .addCommand(parseCommand)
  .addCommand(applyCommand)
  .addCommand(configCommand);

try {
  await program.parseAsync();
} catch (error) {
  // Each of these carries one clear line for each problem; a stack trace would hide it.
  process.stderr.write(`${error instanceof ConfigError ? 'Wrong configuration:\n' : ''}${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

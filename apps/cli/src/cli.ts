import { ConfigError } from '@ingot/config';
import { Command, CommanderError } from 'commander';
import { applyCommand } from './commands/apply.js';
import { configCommand } from './commands/config.js';
import { parseCommand } from './commands/parse.js';
import type { Io } from './io.js';

const COMMANDS = [parseCommand, applyCommand, configCommand];

/** A command has done its work and the answer is no, e.g. a data test failed; everything was said already. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/**
 * Runs one command line.
 * @param args without node and script, e.g. `['ls', '--json']`
 * @returns the exit code: 0 ok, 1 failed, 2 wrong usage
 */
export async function cli(args: readonly string[], io: Io): Promise<number> {
  const program = new Command('ingot').description('Sensor lines in, tested SQL models, SQL endpoints out.').exitOverride();
  program.configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.say(text.trimEnd()) });
  for (const command of COMMANDS) program.addCommand(command(io).copyInheritedSettings(program));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommandFailed) return 1;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // Each of these carries one clear line for each problem; a stack trace would hide it.
    io.say(`${error instanceof ConfigError ? 'Wrong configuration:\n' : ''}${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

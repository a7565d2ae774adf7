import { Command, CommanderError } from 'commander';
import { CommandFailed, WrongUsage } from './command-failed.js';
import { applyCommand } from './commands/apply.js';
import { archiveCommand } from './commands/archive.js';
import { configCommand } from './commands/config.js';
import { docsCommand } from './commands/docs.js';
import { freshnessCommand } from './commands/freshness.js';
import { keysCommand } from './commands/keys.js';
import { lineageCommand } from './commands/lineage.js';
import { lsCommand } from './commands/ls.js';
import { migrateCommand } from './commands/migrate.js';
import { parseCommand } from './commands/parse.js';
import { planCommand } from './commands/plan.js';
import { rebuildCommand } from './commands/rebuild.js';
import { quarantineCommand } from './commands/quarantine.js';
import { restoreCommand } from './commands/restore.js';
import { rolesCommand } from './commands/roles.js';
import { runCommand } from './commands/run.js';
import { runsCommand } from './commands/runs.js';
import { startCommand } from './commands/start.js';
import { testCommand } from './commands/test.js';
import { unitCommand } from './commands/unit.js';
import { upgradeCommand } from './commands/upgrade.js';
import type { Io } from './io.js';
import { formatError } from './output/errors.js';
import { failureCode } from './stopped.js';

const COMMANDS = [startCommand, parseCommand, lsCommand, lineageCommand, docsCommand, planCommand, applyCommand, rebuildCommand, configCommand, migrateCommand, upgradeCommand, quarantineCommand, rolesCommand, archiveCommand, restoreCommand, keysCommand, runCommand, runsCommand, unitCommand, testCommand, freshnessCommand];

const FOOTER = `
Settings come from the environment: \`ingot config\` prints them. Exit codes: 0 ok, 1 failed, 2 wrong usage,
130 or 143 ended by SIGINT (Ctrl-C) or SIGTERM.`;

/**
 * Runs one command line.
 * @param args without node and script, e.g. `['ls', '--json']`
 * @returns the exit code: 0 ok, 1 failed, 2 wrong usage, 130 ended by Ctrl-C, 143 by SIGTERM
 */
export async function cli(args: readonly string[], io: Io): Promise<number> {
  const program = new Command('ingot').description('Sensor lines in, tested SQL models, SQL endpoints out.').exitOverride().enablePositionalOptions().addHelpText('after', FOOTER);
  program.configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.say(text.trimEnd()) });
  for (const command of COMMANDS) program.addCommand(inherit(program, command(io)));
  try {
    io.signal.throwIfAborted(); // told while the commands were loaded
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommandFailed) return failureCode(io.signal);
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof WrongUsage) {
      io.say(error.message);
      return 2;
    }
    io.say(error === io.signal.reason ? 'stopped' : formatError(io, error));
    return failureCode(io.signal);
  } finally {
    io.progress(undefined);
  }
}

/** Commander hands settings down only to commands it makes itself. */
function inherit(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(command, child);
  return command;
}

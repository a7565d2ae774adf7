import { formatPlace } from '@ingot/datasets';
import { readEntry, reasonsOf, type QuarantineEntry, type Reason } from '@ingot/models';
import { Command } from 'commander';
import { CommandFailed } from '../command-failed.js';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { wholeNumber } from '../number-options.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCount, formatInstant } from '../output/quantities.js';

export const quarantineShowCommand = (io: Io): Command => new Command('show')
  .description('one row: the input as it came, why it lies here, and where the rule stands')
  .argument('<id>', 'as `ls` numbers it', wholeNumber)
  .addOption(jsonOption())
  .action((id: number, options: { readonly json?: boolean }) => withDatabase(io, { name: 'ingot quarantine' }, async ({ client, datasets }) => {
    const entry = await readEntry(client, id);
    if (entry === undefined) {
      io.say(`no entry ${id} lies in quarantine`);
      throw new CommandFailed();
    }
    const reasons = reasonsOf(entry, datasets.find(({ name }) => name === entry.dataset));
    if (options.json) writeJson(io, { ...entry, reasons });
    else io.out(formatEntry(io, entry, reasons));
  }));

function formatEntry(io: Io, entry: QuarantineEntry, reasons: readonly Reason[]): string {
  const facts: [string, string][] = [
    ['model', entry.model],
    ['input', `${entry.input} ${JSON.stringify(entry.inputRow)}`],
    ...reasons.map(({ name, message, place }): [string, string] => [
      'reason',
      `${paint(io, 'bad', name)}${message === undefined ? '' : `: ${message}`}${place === undefined ? ' (not in the files any more)' : ` (${formatPlace(place)})`}`,
    ]),
    ['first seen', `${formatInstant(entry.firstAt)} UTC`],
    ['last tried', `${formatInstant(entry.at)} UTC, by run ${entry.runId}${entry.attempts === 1 ? '' : `, ${formatCount(entry.attempts)} times in all`}`],
    ...(entry.replay ? [['replay', 'by the next run'] as [string, string]] : []),
  ];
  return `entry ${entry.id} of ${entry.dataset}\n${facts.map(([name, value]) => `  ${paint(io, 'quiet', name.padEnd(10))} ${value}\n`).join('')}`;
}

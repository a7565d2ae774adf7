import { rotateKey } from '@ingot/keys';
import { Command } from 'commander';
import type { Io } from '../../io.js';
import { sha256Option, timeOption } from '../../key-options.js';
import { withKeys } from '../../key-store.js';
import { jsonOption } from '../../output/json.js';
import { formatInstant } from '../../output/quantities.js';
import { keyDocument, showNewKey } from './key-document.js';

interface Options {
  readonly overlap: number;
  readonly expires?: number;
  readonly sha256?: Buffer;
  readonly json?: boolean;
}

const DAY_MS = 86_400_000;

export const rotateCommand = (io: Io): Command => new Command('rotate')
  .description('make a key with the name, device, scopes and limits of another, which stays good for a while')
  .argument('<name>', 'or id, as `ls` shows it')
  .addOption(timeOption('--overlap <time>', 'for how long the old one stays good').default(DAY_MS, '24h'))
  .addOption(timeOption('--expires <time>', 'for how long the new one is good; default: as the old one was'))
  .addOption(sha256Option())
  .addOption(jsonOption())
  .action((which: string, options: Options) => withKeys(io, async (client) => {
    const { replaced, ...created } = await rotateKey(client, which, options.overlap, { ...(options.expires === undefined ? {} : { expiresInMs: options.expires }), ...(options.sha256 === undefined ? {} : { digest: options.sha256 }) });
    showNewKey(io, created, options, { replaced: replaced.map(keyDocument) });
    if (!options.json) for (const { id, expiresAt } of replaced) io.say(`key ${id}, the one before, is good until ${expiresAt === null ? 'it is revoked' : `${formatInstant(expiresAt)} UTC`}`);
  }));

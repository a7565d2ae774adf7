import { revokeKeys } from '@ingot/keys';
import { Command } from 'commander';
import type { Io } from '../../io.js';
import { withKeys } from '../../key-store.js';
import { jsonOption, writeJson } from '../../output/json.js';
import { keyDocument } from './key-document.js';

export const revokeCommand = (io: Io): Command => new Command('revoke')
  .description('end a key for good; services refuse it within INGOT_KEY_CACHE_SECONDS')
  .argument('<key>', 'its id; its name, for all of that name; or its beginning, as `ls` shows it')
  .addOption(jsonOption())
  .action((which: string, { json }: { readonly json?: boolean }) => withKeys(io, async (client) => {
    const revoked = await revokeKeys(client, which);
    if (json) writeJson(io, { revoked: revoked.map(keyDocument) });
    else for (const { id, name } of revoked) io.out(`key ${id} ${name} is revoked\n`);
  }));

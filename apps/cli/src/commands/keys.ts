import { createKey, digestOf, listKeys, newKey, type ApiKey, type Scope } from '@ingot/keys';
import { Command } from 'commander';
import { WrongUsage } from '../command-failed.js';
import type { Io } from '../io.js';
import { bytesOption, deviceOption, nameOption, rateOption, scopeOption, sha256Option, timeOption } from '../key-options.js';
import { withKeys } from '../key-store.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCount, formatInstant } from '../output/quantities.js';
import { formatTable } from '../output/table.js';
import { keyDocument, showNewKey } from './keys/key-document.js';
import { revokeCommand } from './keys/revoke.js';
import { rotateCommand } from './keys/rotate.js';

export const keysCommand = (io: Io): Command => new Command('keys')
  .description('who may call the service: keys, of which the database holds only the SHA-256')
  .addCommand(createCommand(io))
  .addCommand(listCommand(io))
  .addCommand(rotateCommand(io))
  .addCommand(revokeCommand(io))
  .addCommand(makeCommand(io));

interface CreateOptions {
  readonly name?: string;
  readonly device?: string;
  readonly scope?: readonly Scope[];
  readonly expires?: number;
  readonly linesPerSecond?: number;
  readonly bytesPerDay?: number;
  readonly sha256?: Buffer;
  readonly json?: boolean;
}

const createCommand = (io: Io): Command => new Command('create')
  .description('make a key; it is shown once, on stdout')
  .addOption(scopeOption())
  .addOption(deviceOption())
  .addOption(nameOption())
  .addOption(timeOption('--expires <time>', 'for how long it is good, e.g. 90d; default: until it is revoked'))
  .addOption(rateOption('--lines-per-second <n>', 'lines it may post a second, 0 = no limit; default: as the service is set up'))
  .addOption(bytesOption('--bytes-per-day <size>', 'bytes it may post in a UTC day, e.g. 1GB, 0 = no limit; default: as the service is set up'))
  .addOption(sha256Option())
  .addOption(jsonOption())
  .action(async (options: CreateOptions) => {
    const wanted = checked(options);
    await withKeys(io, async (client) => showNewKey(io, await createKey(client, wanted), options), { migrate: true });
  });

function checked({ name, device, scope: scopes = [], expires, linesPerSecond, bytesPerDay, sha256 }: CreateOptions) {
  const called = name ?? device?.replaceAll(' ', '-');
  if (scopes.length === 0) throw new WrongUsage('say what the key may do: --scope ingest, read:own, read:all or admin, once for each');
  if (called === undefined || /^\d+$/.test(called)) throw new WrongUsage('say what the key is called: --name <name>, not a number, or --device <device>');
  if (scopes.includes('read:own') && device === undefined) throw new WrongUsage('read:own reads the rows of one device: say which by --device, or use read:all');
  if (scopes.includes('admin') && device !== undefined) throw new WrongUsage('admin may do everything, a key with a device acts as that device only: leave out one of the two');
  return {
    name: called,
    scopes,
    ...(device === undefined ? {} : { device }),
    ...(expires === undefined ? {} : { expiresInMs: expires }),
    ...(linesPerSecond === undefined ? {} : { linesPerSecond }),
    ...(bytesPerDay === undefined ? {} : { bytesPerDay }),
    ...(sha256 === undefined ? {} : { digest: sha256 }),
  };
}

const listCommand = (io: Io): Command => new Command('ls')
  .description('the keys that can be used, by name')
  .option('--all', 'revoked and expired ones too')
  .addOption(jsonOption())
  .action(({ all, json }: { readonly all?: boolean; readonly json?: boolean }) => withKeys(io, async (client) => {
    const keys = (await listKeys(client)).filter(({ state }) => all === true || state === 'live');
    if (json) writeJson(io, { keys: keys.map(keyDocument) });
    else io.out(keys.length === 0 ? 'no keys; `ingot keys create` makes one\n' : formatTable(io, COLUMNS, keys.map((key) => row(io, key))));
  }));

const COLUMNS = [{ title: 'id', align: 'right' }, { title: 'name' }, { title: 'key' }, { title: 'device' }, { title: 'scopes' }, { title: 'limits' }, { title: 'created (UTC)' }, { title: 'expires (UTC)' }, { title: 'last used (UTC)' }, { title: '' }] as const;

function row(io: Io, { id, name, prefix, digest, device, scopes, linesPerSecond, bytesPerDay, createdAt, expiresAt, lastUsedAt, state }: ApiKey): string[] {
  return [
    id,
    name,
    prefix === null ? `sha256 ${digest.toString('hex').slice(0, 12)}…` : `${prefix}…`,
    device ?? 'any',
    scopes.join(' '),
    [linesPerSecond === null ? [] : `${formatCount(linesPerSecond)} lines/s`, bytesPerDay === null ? [] : `${formatCount(bytesPerDay)} bytes/day`].flat().join(', '),
    formatInstant(createdAt),
    expiresAt === null ? 'never' : formatInstant(expiresAt),
    lastUsedAt === null ? 'never' : formatInstant(lastUsedAt),
    state === 'live' ? '' : paint(io, 'bad', state),
  ];
}

const makeCommand = (io: Io): Command => new Command('make')
  .description('make a key without a database: `create --sha256` stores it elsewhere, e.g. where what a command prints is logged')
  .addOption(jsonOption())
  .action(({ json }: { readonly json?: boolean }) => {
    const key = newKey();
    const sha256 = digestOf(key).toString('hex');
    if (json) return writeJson(io, { key, sha256 });
    io.out(`${key}\n`);
    io.say(`It is good once \`ingot keys create --sha256 ${sha256} ...\` has stored it.`);
  });

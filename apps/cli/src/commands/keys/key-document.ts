import type { ApiKey, CreatedKey } from '@ingot/keys';
import type { Io } from '../../io.js';
import { writeJson } from '../../output/json.js';
import { formatInstant } from '../../output/quantities.js';

/** A key for machines, without its secret. */
export function keyDocument({ id, name, prefix, digest, device, scopes, linesPerSecond, bytesPerDay, createdAt, expiresAt, revokedAt, lastUsedAt, state }: ApiKey) {
  return { id: Number(id), name, prefix, sha256: digest.toString('hex'), device, scopes, linesPerSecond, bytesPerDay, createdAt, expiresAt, revokedAt, lastUsedAt, state };
}

/** The key alone on stdout, so that it can be piped into a file; words about it on stderr. */
export function showNewKey(io: Io, { key, text }: CreatedKey, { json }: { readonly json?: boolean }, further: object = {}): void {
  if (json) return writeJson(io, { ...(text === undefined ? {} : { key: text }), ...keyDocument(key), ...further });
  const until = key.expiresAt === null ? '' : `, good until ${formatInstant(key.expiresAt)} UTC`;
  io.say(`key ${key.id} ${key.name}: ${key.scopes.join(', ')}${key.device === null ? '' : ` as ${key.device}`}${until}`);
  if (text === undefined) return;
  io.say('It is shown this once: keep it where only its user can read it.');
  io.out(`${text}\n`);
}

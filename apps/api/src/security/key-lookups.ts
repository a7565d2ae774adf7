import { findKeys, grantedScopes, isKeyText, type ApiKey } from '@ingot/keys';
import { withConnectionFor, type ConnectionPool } from '@ingot/postgres';
import type { Verdict } from './known-credentials.js';
import { refusal } from './refusals.js';

/** How long the key table is waited for. */
const ANSWER_MS = 2_000;
const MOST_AT_ONCE = 500;

interface Waiting {
  readonly digest: Buffer;
  readonly resolve: (key: ApiKey | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Keys by their digests from the table. Those that are asked for while a question is under way are the next one together. */
export class KeyLookups {
  private waiting: Waiting[] = [];
  private isAsking = false;

  constructor(private readonly pool: ConnectionPool) {}

  /** @throws Problem database-unavailable */
  async verify(text: string, digest: Buffer): Promise<Verdict> {
    if (!isKeyText(text)) return { refused: 'This is no key of this service: it is cut short, mistyped, or of something else.' };
    const key = await new Promise<ApiKey | undefined>((resolve, reject) => {
      this.waiting.push({ digest, resolve, reject });
      if (!this.isAsking) void this.ask();
    });
    return verdictOn(key);
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MOST_AT_ONCE);
      try {
        const found = await withConnectionFor(this.pool, ANSWER_MS, (client) => findKeys(client, batch.map(({ digest }) => digest)));
        const byDigest = new Map(found.map((key) => [key.digest.toString('hex'), key]));
        for (const { digest, resolve } of batch) resolve(byDigest.get(digest.toString('hex')));
      } catch (error) {
        // Whatever it is, a table that is missing too: the key was not found wrong.
        for (const { reject } of batch) reject(refusal.tableUnreachable(error));
      }
    }
    this.isAsking = false;
  }
}

function verdictOn(key: ApiKey | undefined): Verdict {
  if (key === undefined) return { refused: 'The key is not known here.' };
  if (key.state === 'revoked') return { refused: 'The key was revoked.' };
  if (key.state === 'expired') return { refused: 'The key has expired.' };
  const device = key.device ?? undefined;
  const quota = { ...(key.linesPerSecond === null ? {} : { linesPerSecond: key.linesPerSecond }), ...(key.bytesPerDay === null ? {} : { bytesPerDay: key.bytesPerDay }) };
  return {
    principal: {
      keyId: key.id,
      ...(device === undefined ? {} : { device }),
      scopes: grantedScopes(key.scopes, device),
      ...(Object.keys(quota).length === 0 ? {} : { quota }),
    },
    expiresInMs: key.expiresInMs,
  };
}

import { ConfigError, type Config } from '@ingot/config';
import { hasLiveKey, touchKeys } from '@ingot/keys';
import { withConnectionFor, type ConnectionPool } from '@ingot/postgres';
import { listOf } from '../http-limits.js';
import type { Logger } from '../logger.js';
import type { ClosingList } from '../shutdown.js';
import { Attempts } from './attempts.js';
import { KeyAuthenticator, type Authenticator } from './authenticator.js';
import { OpenAuthenticator } from './foreign-pages.js';
import { JwtVerifier, looksLikeJwt } from './jwt-verifier.js';
import { KeyLookups } from './key-lookups.js';
import { KnownCredentials } from './known-credentials.js';

const NOTE_USE_MS = 60_000;
const ANSWER_MS = 2_000;

type SecurityConfig = Pick<Config, 'HOST' | 'servesNetwork' | 'INGOT_AUTH' | 'INGOT_CORS_ORIGINS' | 'INGOT_KEY_CACHE_SECONDS' | 'INGOT_KEY_GRACE_SECONDS' | 'INGOT_AUTH_FAILURES_PER_MINUTE' | 'INGOT_JWT_ISSUER' | 'INGOT_JWT_AUDIENCE' | 'INGOT_JWT_JWKS' | 'INGOT_JWT_SCOPE_CLAIM' | 'INGOT_JWT_DEVICE_CLAIM'>;

/**
 * Who may call the service, as it is set up; says at the start what is worth a warning.
 * @param openPool makes the pool of one session that reads the key table; not called where no key is asked for
 * @throws ConfigError for an issuer's keys that cannot be used
 */
export async function openSecurity(config: SecurityConfig, openPool: () => ConnectionPool, logger: Logger, open: ClosingList): Promise<Authenticator> {
  if (config.INGOT_AUTH === 'off') {
    if (config.servesNetwork) logger.warn(`INGOT_AUTH=off: whoever reaches ${config.HOST} may read and write everything`);
    return new OpenAuthenticator({ origins: listOf(config.INGOT_CORS_ORIGINS), isLocal: !config.servesNetwork });
  }
  const pool = openPool();
  const tokens = await openTokens(config);
  const lookups = new KeyLookups(pool);
  const known = new KnownCredentials({
    verify: (text, digest) => (tokens !== undefined && looksLikeJwt(text) ? tokens.verify(text) : lookups.verify(text, digest)),
    ttlMs: config.INGOT_KEY_CACHE_SECONDS * 1_000,
    graceMs: config.INGOT_KEY_GRACE_SECONDS * 1_000,
  });
  if (tokens === undefined && !(await withConnectionFor(pool, ANSWER_MS, hasLiveKey))) {
    logger.warn('there is no key yet, and every request needs one: make the first with `npx ingot keys create --name first --scope admin`');
  }
  noteUse(known, pool, logger, open);
  return new KeyAuthenticator(known, new Attempts(config.INGOT_AUTH_FAILURES_PER_MINUTE));
}

async function openTokens({ INGOT_JWT_ISSUER: issuer, INGOT_JWT_AUDIENCE: audience, INGOT_JWT_JWKS: jwks, INGOT_JWT_SCOPE_CLAIM: scopeClaim, INGOT_JWT_DEVICE_CLAIM: deviceClaim }: SecurityConfig): Promise<JwtVerifier | undefined> {
  if (issuer === undefined || audience === undefined || jwks === undefined) return undefined;
  return JwtVerifier.open({ issuer, audience, jwks, scopeClaim, deviceClaim }).catch((error: Error) => {
    throw new ConfigError([`INGOT_JWT_JWKS: the keys of the issuer cannot be used: ${error.message}`]);
  });
}

/** When keys were used is written behind, once a minute and at the end; what a kill leaves out is a minute's worth. */
function noteUse(known: KnownCredentials, pool: ConnectionPool, logger: Logger, open: ClosingList): void {
  const note = async (): Promise<void> => {
    const ids = known.takeUsed();
    if (ids.length === 0) return;
    await withConnectionFor(pool, ANSWER_MS, (client) => touchKeys(client, ids)).catch((err: unknown) => logger.debug({ err }, 'the use of keys was not noted'));
  };
  const timer = setInterval(() => void note(), NOTE_USE_MS);
  timer.unref();
  open.add('use of keys', async () => {
    clearInterval(timer);
    await note();
  });
}

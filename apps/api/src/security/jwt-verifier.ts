import { readFile } from 'node:fs/promises';
import { grantedScopes, isScope } from '@ingot/keys';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, jwtVerify, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { Verdict } from './known-credentials.js';
import { refusal } from './refusals.js';

export interface JwtOptions {
  readonly issuer: string;
  readonly audience: string;
  /** An https:// URL, or a file. */
  readonly jwks: string;
  readonly scopeClaim: string;
  readonly deviceClaim: string;
}

/** Of a key pair, all of them: with a shared secret, whoever can check a token could make one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** By how much the issuer's clock may differ from ours. */
const CLOCK_TOLERANCE_SECONDS = 5;
const FETCH_MS = 3_000;
/** Keys of the issuer are good for so long; a token with a key that is not among them has them read anew, once in 30 s. */
const KEYS_MS = 600_000;
const COOLDOWN_MS = 30_000;
/** After a failure nothing is fetched for so long: each token would try. */
const FAILURE_PAUSE_MS = 5_000;
const DEVICE = /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/;

/** As much as OpenID Connect allows. It is a key of the table of quotas, and PostgreSQL's text holds no NUL. */
const MOST_SUBJECT_CHARACTERS = 255;

/** A token has three parts and begins as the JSON of a header does. */
export function looksLikeJwt(text: string): boolean {
  return text.startsWith('eyJ') && text.split('.').length === 3;
}

/** Tokens of one issuer for one audience. */
export class JwtVerifier {
  private constructor(
    private readonly options: JwtOptions,
    private readonly keys: JWTVerifyGetKey,
  ) {}

  /** @throws Error naming what is wrong with the file of the issuer's keys */
  static async open(options: JwtOptions): Promise<JwtVerifier> {
    const isUrl = /^https?:\/\//i.test(options.jwks);
    return new JwtVerifier(options, isUrl ? remoteKeys(new URL(options.jwks)) : await fileKeys(options.jwks));
  }

  /** @throws Problem identity-unavailable */
  async verify(token: string): Promise<Verdict> {
    const { issuer, audience } = this.options;
    try {
      const { payload } = await jwtVerify(token, this.keys, { issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_SECONDS, requiredClaims: ['exp'] });
      return this.verdictOn(payload);
    } catch (error) {
      const why = refused(error);
      if (why === undefined) throw refusal.issuerUnreachable(error);
      return { refused: why };
    }
  }

  private verdictOn(payload: JWTPayload): Verdict {
    const device = payload[this.options.deviceClaim];
    if (device !== undefined && (typeof device !== 'string' || !DEVICE.test(device))) return { refused: `The token's claim ${this.options.deviceClaim} names no device.` };
    const { sub } = payload;
    if (sub !== undefined && !isSubject(sub)) return { refused: `The token's claim sub is not 1 to ${MOST_SUBJECT_CHARACTERS} characters of text.` };
    return {
      principal: {
        ...(sub === undefined ? {} : { subject: sub }),
        ...(device === undefined ? {} : { device }),
        scopes: grantedScopes(wordsOf(payload[this.options.scopeClaim]).filter(isScope), device),
      },
      expiresInMs: Math.max(0, (payload.exp ?? 0) * 1_000 - Date.now()),
    };
  }
}

/** Who signs may put anything there. */
function isSubject(sub: unknown): boolean {
  return typeof sub === 'string' && sub !== '' && sub.length <= MOST_SUBJECT_CHARACTERS && !sub.includes('\0');
}

function wordsOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((word) => typeof word === 'string') : [];
}

function remoteKeys(url: URL): JWTVerifyGetKey {
  let failedAt = -Infinity;
  return createRemoteJWKSet(url, {
    timeoutDuration: FETCH_MS,
    cacheMaxAge: KEYS_MS,
    cooldownDuration: COOLDOWN_MS,
    async [customFetch](address, options) {
      if (performance.now() < failedAt + FAILURE_PAUSE_MS) throw new Error('the last attempt to read the keys failed a moment ago');
      try {
        const response = await fetch(address, options);
        if (response.status !== 200) throw new Error(`the issuer answers ${response.status}`);
        return response;
      } catch (error) {
        failedAt = performance.now();
        throw error;
      }
    },
  });
}

async function fileKeys(file: string): Promise<JWTVerifyGetKey> {
  const keys = JSON.parse(await readFile(file, 'utf8')) as JSONWebKeySet;
  if (keys.keys.some((key) => 'd' in key || key.kty === 'oct')) throw new Error('holds private or shared keys; only the public ones belong here');
  return createLocalJWKSet(keys);
}

/** Why a token is refused; undefined when nothing is known of it. */
function refused(error: unknown): string | undefined {
  if (error instanceof errors.JWTExpired) return 'The token has expired.';
  if (error instanceof errors.JWTClaimValidationFailed) return `The token's claim ${error.claim} is not what is taken here.`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token is signed by an algorithm that is not taken here.';
  if (error instanceof errors.JWKSNoMatchingKey) return 'The token is signed by a key that is not of the issuer.';
  const isAboutToken = [errors.JWSInvalid, errors.JWTInvalid, errors.JWSSignatureVerificationFailed, errors.JOSENotSupported, errors.JWKSMultipleMatchingKeys].some((kind) => error instanceof kind);
  return isAboutToken ? 'The token is not well-formed, or its signature is wrong.' : undefined;
}

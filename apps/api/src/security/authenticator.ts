import type { IncomingMessage } from 'node:http';
import { NOBODY, type Principal } from '../principal.js';
import type { Attempts } from './attempts.js';
import { credentialOf, hasCredential } from './credentials.js';
import type { KnownCredentials } from './known-credentials.js';
import { refusal } from './refusals.js';

/** Tells who makes a request. */
export interface Authenticator {
  /** Whoever asks for what everybody may have. */
  readonly everybody: Principal;
  /**
   * @param addressOf the client's address, asked for only when it matters
   * @returns at once when it is known in memory
   * @throws Problem (or rejects with it): unauthenticated, credentials-unclear, credentials-in-url, too-many-attempts, foreign-page, and what says that it cannot be found out
   */
  authenticate(request: Pick<IncomingMessage, 'rawHeaders' | 'headers' | 'method' | 'url'>, addressOf: () => string): Principal | Promise<Principal>;
}

/** Every request carries a key or a token. */
export class KeyAuthenticator implements Authenticator {
  readonly everybody = NOBODY;

  constructor(
    private readonly known: KnownCredentials,
    private readonly attempts: Attempts,
  ) {}

  authenticate({ rawHeaders, url }: Pick<IncomingMessage, 'rawHeaders' | 'url'>, addressOf: () => string): Principal | Promise<Principal> {
    if (hasCredential(url ?? '')) throw refusal.inUrl();
    const text = credentialOf(rawHeaders);
    if (text === undefined) throw refusal.noCredential();
    let known: Principal | undefined;
    try {
      known = this.known.hit(text);
    } catch (error) {
      this.mayTry(addressOf());
      this.attempts.take(addressOf());
      throw error;
    }
    return known ?? this.verify(text, addressOf());
  }

  /**
   * One that was good is looked up whatever others behind the same address have done. What counts is a wrong one, when it is
   * known for that: many good ones that come at once, after a restart, are no attempts.
   */
  private async verify(text: string, address: string): Promise<Principal> {
    const isAttempt = !this.known.wasGood(text);
    if (isAttempt) this.mayTry(address);
    try {
      return await this.known.verify(text);
    } catch (error) {
      const waitSeconds = isAttempt && (error as { status?: number }).status === 401 ? this.attempts.take(address) : 0;
      throw waitSeconds > 0 ? refusal.tooMany(waitSeconds) : error;
    }
  }

  /** @throws Problem too-many-attempts */
  private mayTry(address: string): void {
    const waitSeconds = this.attempts.wait(address);
    if (waitSeconds > 0) throw refusal.tooMany(waitSeconds);
  }
}

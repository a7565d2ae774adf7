import { grantedScopes, SCOPES, type Scope } from '@ingot/keys';

export type { Scope } from '@ingot/keys';

/** On whose behalf a request is made, and what it may do. */
export interface Principal {
  /** Of the key in `ingot.api_keys`; absent for a token of an identity provider, and for everybody where no key is asked for. */
  readonly keyId?: string;
  /** Who an identity provider says it is. */
  readonly subject?: string;
  /** It acts as this device only. */
  readonly device?: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Its own limits; what is absent is as the service is set up, 0 = none. */
  readonly quota?: { readonly linesPerSecond?: number; readonly bytesPerDay?: number };
}

/** Everybody, where no authentication is asked for. */
export const ANYBODY: Principal = Object.freeze({ scopes: new Set(SCOPES) });

/** Everybody on a public route, and whoever was not looked at: may do nothing that takes a scope. */
export const NOBODY: Principal = Object.freeze({ scopes: grantedScopes([], undefined) });

const PRINCIPAL = Symbol('principal');
type Identified = object & { [PRINCIPAL]?: Principal };

/** Who makes the request: set before its body is read, the same object for as long as the key is known in memory. */
export function principalOf(request: object): Principal {
  return (request as Identified)[PRINCIPAL] ?? NOBODY;
}

export function identify(request: object, principal: Principal): void {
  (request as Identified)[PRINCIPAL] = principal;
}

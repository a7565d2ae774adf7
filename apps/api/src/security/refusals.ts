import type { Access } from '../access.js';
import { Problem } from '../problem.js';
import type { Principal } from '../principal.js';

const CHALLENGE = { 'www-authenticate': 'Bearer realm="ingot"' };

/** Why a request is not let in, in words for whoever sent it. */
export const refusal = {
  noCredential: () =>
    new Problem('unauthenticated', 'This route takes a key: `Authorization: Bearer <key>`, or `X-API-Key: <key>`. Whoever runs the service makes one with `ingot keys create`.', { headers: CHALLENGE }),
  unauthenticated: (why: string) => new Problem('unauthenticated', why, { headers: { 'www-authenticate': 'Bearer realm="ingot", error="invalid_token"' } }),
  unclear: (what: string) => new Problem('credentials-unclear', `${what} Send one credential, once.`),
  inUrl: () => new Problem('credentials-in-url', 'The URL holds a key. URLs end up in logs and histories: send the key as `Authorization: Bearer <key>`, and replace this one by `ingot keys rotate`.'),
  forbidden: (access: Access, { scopes }: Principal) =>
    new Problem('forbidden', `This takes the scope ${access}; the key has ${scopes.size === 0 ? 'none' : [...scopes].join(', ')}. A key with it is made with \`ingot keys create --scope ${access}\`.`),
  otherDevice: () => new Problem('forbidden', 'The key belongs to another device than X-Device-Id names. Leave X-Device-Id out: the readings belong to the key\'s device. To post for several devices take a key without a device.'),
  foreignPage: () =>
    new Problem('foreign-page', 'A page of another origin has asked, and the service takes requests without a key. List the origin in INGOT_CORS_ORIGINS when its pages may call, or have keys asked for (INGOT_AUTH=required).'),
  foreignName: (host: string) =>
    new Problem('foreign-page', `The request was sent to the name ${JSON.stringify(host)}, and the service, which takes requests without a key, is for this machine: call it by 127.0.0.1 or localhost. Where the name is right, list its origin in INGOT_CORS_ORIGINS (http://${host}), or have keys asked for (INGOT_AUTH=required).`),
  tooMany: (retryAfter: number) => new Problem('too-many-attempts', 'Too many wrong keys came from this address. Correct the key, and wait.', { headers: { 'retry-after': String(retryAfter) } }),
  overloaded: () => new Problem('overloaded', 'More keys are being checked than can be in time. Try again.'),
  tableUnreachable: (cause: unknown) => new Problem('database-unavailable', 'The key cannot be checked, because the database cannot be reached. Nothing was done; try again.', { cause }),
  issuerUnreachable: (cause: unknown) => new Problem('identity-unavailable', 'The token cannot be checked, because the keys of its issuer cannot be read. Nothing was done; try again.', { cause }),
};

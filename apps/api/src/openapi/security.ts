import type { Access } from '../access.js';
import type { JsonSchema } from '../documented.js';
import type { ProblemCode } from '../problem.js';

/** How a request shows its key; `Authorization: Token <key>` is taken too, and has no name in OpenAPI. */
export const SECURITY_SCHEMES: Readonly<Record<string, JsonSchema>> = {
  bearer: { type: 'http', scheme: 'bearer', description: 'A key (`ingot keys create`), or a token of the identity provider. Nothing is asked for with `INGOT_AUTH=off`.' },
  'api-key': { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key.' },
  basic: { type: 'http', scheme: 'basic', description: 'A key as the password; the user name does not matter.' },
};

/** What an operation asks for: any of the schemes, with the scope; nothing of a public one. */
export function securityOf(access: Access): JsonSchema[] {
  return access === 'public' ? [] : Object.keys(SECURITY_SCHEMES).map((scheme) => ({ [scheme]: [access] }));
}

/** What asking for a key may end in. */
export function problemsOfAccess(access: Access): readonly ProblemCode[] {
  return access === 'public' ? [] : ['credentials-unclear', 'credentials-in-url', 'unauthenticated', 'forbidden', 'foreign-page', 'too-many-attempts', 'database-unavailable', 'identity-unavailable'];
}

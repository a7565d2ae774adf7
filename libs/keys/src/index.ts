export type { ApiKey } from './api-key.js';
export { createKey, KeyError, revokeKeys, rotateKey, type CreatedKey, type NewKey } from './change-keys.js';
export { digestOf, isKeyText, KEY_PATTERN, newKey } from './key-text.js';
export { findKeys, hasLiveKey, listKeys, touchKeys } from './read-keys.js';
export { grantedScopes, isScope, SCOPES, type Scope } from './scope.js';

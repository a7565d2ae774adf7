import { KEY_PATTERN } from '@ingot/keys';
import { refusal } from './refusals.js';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The credential of a request: `Authorization: Bearer <key>`, `Token <key>` or `Basic <user:key>` (whoever the user is),
 * or `X-API-Key: <key>`.
 * @param rawHeaders names and values in turn, as they came: of two Authorization headers Node shows only the first
 * @returns undefined when there is none
 * @throws Problem: credentials-unclear, unauthenticated
 */
export function credentialOf(rawHeaders: readonly string[]): string | undefined {
  let authorization: string | undefined;
  let apiKey: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 13 && name.toLowerCase() === 'authorization') {
      if (authorization !== undefined) throw refusal.unclear('There are two Authorization headers.');
      authorization = rawHeaders[at + 1]!;
    } else if (name.length === 9 && name.toLowerCase() === 'x-api-key') {
      if (apiKey !== undefined) throw refusal.unclear('There are two X-API-Key headers.');
      apiKey = rawHeaders[at + 1]!;
    }
  }
  if (authorization === undefined) return apiKey;
  const text = textOf(authorization);
  if (apiKey !== undefined && apiKey !== text) throw refusal.unclear('Authorization and X-API-Key hold different credentials.');
  return text;
}

function textOf(authorization: string): string {
  const blank = authorization.indexOf(' ');
  const scheme = blank < 0 ? authorization : authorization.slice(0, blank);
  const rest = blank < 0 ? '' : authorization.slice(blank + 1).trimStart();
  switch (scheme.toLowerCase()) {
    case 'bearer':
    case 'token':
      return rest;
    case 'basic':
      return passwordOf(rest);
    default:
      throw refusal.unauthenticated('Authorization says neither Bearer, Token nor Basic.');
  }
}

function passwordOf(encoded: string): string {
  const decoded = BASE64.test(encoded) ? Buffer.from(encoded, 'base64').toString('latin1') : '';
  const colon = decoded.indexOf(':');
  if (colon < 0) throw refusal.unauthenticated('Basic holds no user:password. The key is the password; the user name does not matter.');
  return decoded.slice(colon + 1);
}

const NAMES_A_CREDENTIAL = /[?&](?:api[_-]?key|access[_-]?token|authorization)=/i;
/** Begins where a run of its characters does: looked for at each `eyJ` of a run, 16 KiB of them took 0.6 s. */
const TOKEN = /(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\./;

/** Whether a URL carries a key, a token, or a parameter that is usually called so. */
export function hasCredential(url: string): boolean {
  if (url.length < 10 || !url.includes('?')) return KEY_PATTERN.test(url);
  const text = url.includes('%') ? decoded(url) : url;
  return NAMES_A_CREDENTIAL.test(text) || KEY_PATTERN.test(text) || TOKEN.test(text);
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url; // the route says what is wrong with it
  }
}

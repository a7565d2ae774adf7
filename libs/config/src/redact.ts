const HIDDEN = '***';

/** What a secret looks like wherever it turns up, and what of it may stay. */
const SECRETS: readonly (readonly [pattern: RegExp, shown: string])[] = [
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/"'\\]*:)[^\s/"'\\]+@/gi, `$1${HIDDEN}@`], // the password of a URL
  [/\b((?:ssl)?password|passwd|pwd|secret|(?:access_|refresh_|id_)?token|x?-?api[_-]?key|key)=('[^']*'|[^&\s"'\\#]+)/gi, `$1=${HIDDEN}`], // of a query string or a DSN
  [/\b(bearer|token|basic)(\s+|%20|\+)[A-Za-z0-9+/=._~-]{16,}/gi, `$1 ${HIDDEN}`], // of an Authorization header
  [/\bingot_[0-9A-Za-z]{16,}/g, `ingot_${HIDDEN}`], // an API key, or most of one
  [/(?<![\w-])eyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, `eyJ${HIDDEN}`], // a JSON Web Token; only where a run begins, so that a run is read once
];

/** The text with everything that looks like a password, key or token hidden: the last gate of what leaves the process. */
export function redactSecrets(text: string): string {
  return SECRETS.reduce((redacted, [pattern, shown]) => redacted.replace(pattern, shown), text);
}

/** True for what should not be repeated to anybody, e.g. as a request id. */
export function holdsSecret(text: string): boolean {
  return redactSecrets(text) !== text;
}

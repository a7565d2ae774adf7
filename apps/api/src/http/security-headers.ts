/**
 * On every answer. What the service sends is data: no browser is to guess another type, to run it, to show it in a frame, or to
 * tell others where it came from. The pages under /docs say what they load instead. HSTS is for whoever ends TLS.
 */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

/** The same lines for an answer that is written by hand. */
export const SECURITY_HEADER_LINES = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

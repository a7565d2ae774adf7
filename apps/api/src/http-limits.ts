import type { Config } from '@ingot/config';

/** What one client may take of the HTTP server; docs/limits.md says what happens beyond. */
export interface HttpLimits {
  /** Decoded. */
  readonly bodyBytes: number;
  readonly headerBytes: number;
  readonly headersSeconds: number;
  readonly requestSeconds: number;
  readonly keepAliveSeconds: number;
  readonly connections: number;
  /** 0 = any number. */
  readonly requestsPerConnection: number;
  /** Whose pages may call from a browser. */
  readonly corsOrigins: readonly string[];
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
}

export function httpLimits(config: Config): HttpLimits {
  return {
    bodyBytes: config.INGOT_BODY_LIMIT_BYTES,
    headerBytes: config.INGOT_MAX_HEADER_BYTES,
    headersSeconds: config.INGOT_HEADERS_TIMEOUT_SECONDS,
    requestSeconds: config.INGOT_REQUEST_TIMEOUT_SECONDS,
    keepAliveSeconds: config.INGOT_KEEP_ALIVE_SECONDS,
    connections: config.INGOT_MAX_CONNECTIONS,
    requestsPerConnection: config.INGOT_MAX_REQUESTS_PER_CONNECTION,
    corsOrigins: listOf(config.INGOT_CORS_ORIGINS),
    trustedProxies: listOf(config.INGOT_TRUST_PROXY ?? ''),
  };
}

export function listOf(text: string): string[] {
  return text.split(',').map((item) => item.trim()).filter((item) => item !== '');
}

import type { IncomingMessage } from 'node:http';
import { ANYBODY, type Principal } from '../principal.js';
import type { Authenticator } from './authenticator.js';
import { refusal } from './refusals.js';

export interface OpenTerms {
  /** Origins whose pages may call, e.g. `https://dashboard.example.com`. */
  readonly origins: readonly string[];
  /** True: only this machine reaches the service, so whoever calls it by a name of the internet was sent by such a page. */
  readonly isLocal: boolean;
}

/** An address, `localhost`, or a name without a dot: none of which somebody elsewhere can have point here. */
const OWN_NAME = /^(?:\[[^\]]*\]|\d+\.\d+\.\d+\.\d+|[^.:]+|(?:[^.:]+\.)*localhost)(?::\d+)?$/i;
const FOREIGN_SITES = new Set(['cross-site', 'same-site']);

/**
 * No key is asked for, none is looked at. But a browser on a machine that reaches the service runs the pages of strangers:
 * one of those can send lines (a form, or `fetch` without reading the answer), and by DNS that changes its mind (rebinding)
 * even read. Programs say nothing of where they come from and are let in.
 */
export class OpenAuthenticator implements Authenticator {
  readonly everybody = ANYBODY;
  private readonly origins: ReadonlySet<string>;
  private readonly names: ReadonlySet<string>;
  /** The name the last request was sent to, which is nearly always the same: one comparison for each. */
  private knownName: string | undefined;

  constructor(private readonly terms: OpenTerms) {
    this.origins = new Set(terms.origins);
    this.names = new Set(terms.origins.map((origin) => new URL(origin).host));
  }

  authenticate({ headers, method }: Pick<IncomingMessage, 'headers' | 'method'>): Principal {
    if (this.terms.isLocal && headers.host !== this.knownName) this.checkName(headers.host ?? '');
    const { origin, 'sec-fetch-site': site } = headers;
    if (origin === undefined && site === undefined) return ANYBODY;
    if (isForeign(headers, method) && (origin === undefined || !this.origins.has(origin))) throw refusal.foreignPage();
    return ANYBODY;
  }

  /** @throws Problem foreign-page */
  private checkName(host: string): void {
    if (host !== '' && !OWN_NAME.test(host) && !this.names.has(host.toLowerCase())) throw refusal.foreignName(host);
    this.knownName = host;
  }
}

/** Whether a page of another origin has asked. A link that somebody follows is none: its page sees nothing of the answer. */
function isForeign({ origin, host, 'sec-fetch-site': site, 'sec-fetch-mode': mode }: IncomingMessage['headers'], method = 'GET'): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  if (typeof site === 'string') return FOREIGN_SITES.has(site) && !(isRead && mode === 'navigate');
  // Older browsers, and addresses that are neither https nor loopback: then only Origin tells.
  return origin !== undefined && !isRead && origin.replace(/^https?:\/\//, '') !== host;
}

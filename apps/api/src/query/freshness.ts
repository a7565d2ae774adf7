import type { Freshness } from '@ingot/models';
import type { Logger } from '../logger.js';

export interface FreshnessOptions {
  /** Has the dataset brought up to now, waiting at most so many milliseconds. */
  readonly freshness: (dataset: string, timeoutMs: number) => Promise<Freshness>;
  /** How long a request waits for that when it does not say; 0 = never. */
  readonly freshnessWaitMs: number;
  /** How long a request may wait that asks for it. */
  readonly freshnessMaxWaitMs: number;
  readonly logger: Logger;
}

/** What is known of the dataset, and what the client is told of it. */
export interface AskedFreshness {
  readonly freshness: Freshness;
  readonly headers: Readonly<Record<string, string>>;
  /** What is left of the time the request may wait, in milliseconds. */
  readonly waitLeftMs: number;
}

// The freshness is asked with a limit of its own; a database that hangs must not hold a request beyond that.
const OVERDUE_MS = 500;

/**
 * Has what is published cover every line acknowledged so far, or learns why it does not. Never throws.
 * @param prefer the request's header `Prefer`; its `wait` (seconds, RFC 7240 section 4.3) is honoured up to a maximum
 */
export async function askFreshness(prefer: string | string[] | undefined, dataset: string, options: FreshnessOptions): Promise<AskedFreshness> {
  const wished = preferredWaitSeconds(prefer);
  const waitMs = wished === undefined ? options.freshnessWaitMs : Math.min(wished * 1_000, options.freshnessMaxWaitMs);
  const since = performance.now();
  const freshness = await within(waitMs + OVERDUE_MS, dataset, waitMs, options);
  const waitLeftMs = Math.max(0, waitMs - (performance.now() - since));
  return { freshness, waitLeftMs, headers: { ...freshnessHeaders(freshness), ...(wished === undefined ? {} : { 'preference-applied': `wait=${Math.floor(waitMs / 1_000)}` }) } };
}

async function within(limitMs: number, dataset: string, waitMs: number, { freshness, logger }: FreshnessOptions): Promise<Freshness> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<Freshness>((resolve) => {
    timer = setTimeout(() => resolve({ fresh: false, reason: 'timeout' }), limitMs);
  });
  try {
    return await Promise.race([freshness(dataset, waitMs), overdue]);
  } catch (error) {
    logger.warn({ err: error, dataset }, 'the freshness of the dataset is not known');
    return { fresh: false, reason: 'unavailable' };
  } finally {
    clearTimeout(timer);
  }
}

function freshnessHeaders({ fresh, reason, watermarkAt }: Freshness): Record<string, string> {
  return {
    ...(watermarkAt === undefined ? {} : { 'ingot-watermark': watermarkAt.toISOString() }),
    ...(fresh ? {} : { 'ingot-stale': reason ?? 'unknown' }),
  };
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
/** One preference with its parameters, up to the comma behind it. */
const PREFERENCE = new RegExp(`\\s*(?<name>${TOKEN})(?:\\s*=(?:\\s*(?<value>${QUOTED}|${TOKEN}))?)?\\s*(?:;(?:[^",]|${QUOTED})*)?(?:,|$)`, 'y');

/**
 * The `wait` of a `Prefer` header in seconds. Of two the first counts; what cannot be read is as if it were not there
 * (RFC 7240 section 2).
 */
export function preferredWaitSeconds(prefer: string | string[] | undefined): number | undefined {
  const text = Array.isArray(prefer) ? prefer.join(',') : (prefer ?? '');
  const preferences = new RegExp(PREFERENCE);
  for (let match = preferences.exec(text); match !== null && preferences.lastIndex > match.index; match = preferences.exec(text)) {
    if (match.groups?.['name']?.toLowerCase() !== 'wait') continue;
    const value = match.groups['value']?.replaceAll('"', '') ?? '';
    return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
  }
  return undefined;
}

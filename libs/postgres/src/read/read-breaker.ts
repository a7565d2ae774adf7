import CircuitBreaker from 'opossum';
import { isConnectionError, sqlState } from '../sqlstate.js';
import { ReadError } from './read-error.js';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
  /** Attempts within the window before the breaker may open. */
  volumeThreshold: number;
  errorThresholdPercentage: number;
  /** How long it stays open before one attempt is let through, in milliseconds. */
  resetTimeout: number;
}

const DEFAULTS: BreakerOptions = { volumeThreshold: 10, errorThresholdPercentage: 50, resetTimeout: 2_000 };

/**
 * Stops asking a database that keeps failing: closed, then open for a while, then half-open, when one attempt goes
 * through and decides.
 */
export class ReadBreaker {
  private readonly breaker: CircuitBreaker<[() => Promise<unknown>]>;

  constructor(options: Partial<BreakerOptions> = {}, told: (state: BreakerState) => void = () => undefined) {
    this.breaker = new CircuitBreaker((attempt: () => Promise<unknown>) => attempt(), {
      ...DEFAULTS,
      ...options,
      timeout: false, // statements have limits of their own
      enableSnapshots: false,
      rollingPercentilesEnabled: false,
      // What says nothing of the database cannot close a half-open breaker: a client that left, a pool that was full.
      errorFilter: (error: unknown) => !saysDatabaseIsIll(error) && !(this.breaker.halfOpen && saysNothing(error)),
    });
    this.breaker.on('open', () => told('open'));
    this.breaker.on('halfOpen', () => told('half-open'));
    this.breaker.on('close', () => told('closed'));
  }

  get state(): BreakerState {
    if (this.breaker.opened) return 'open';
    return this.breaker.halfOpen ? 'half-open' : 'closed';
  }

  /** @throws what the attempt throws; errors of opossum: EOPENBREAKER, ESHUTDOWN */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    return (await this.breaker.fire(attempt)) as T;
  }

  /** The server has answered: the others need not wait until the attempt that asked it is over. */
  answered(): void {
    if (this.breaker.halfOpen) this.breaker.close();
  }

  close(): void {
    this.breaker.shutdown();
  }
}

/** Only what speaks of the server itself opens the breaker: not a client's value, a full pool, a lock or a long query. */
function saysDatabaseIsIll(error: unknown): boolean {
  if (!(error instanceof ReadError)) return /^(58|XX)/.test(sqlState(error) ?? '');
  return error.code === 'unavailable' && (error.cause === undefined || isConnectionError(error.cause) || /^53/.test(sqlState(error.cause) ?? ''));
}

function saysNothing(error: unknown): boolean {
  return error instanceof ReadError && (error.code === 'abandoned' || error.code === 'pool exhausted');
}

/**
 * So many tokens a second on average, and a burst at once. A taker may take more than there are as long as there is one: then the
 * bucket is in debt, and the next waits until that is paid. So the average holds, and no body is too large for ever.
 */
export class TokenBucket {
  private tokens: number;
  private at: number;

  /** @param now seconds, of a clock that is never set */
  constructor(
    readonly perSecond: number,
    readonly burst: number,
    now: number,
  ) {
    this.tokens = burst;
    this.at = now;
  }

  /** Tokens there are, negative when in debt. */
  left(now: number): number {
    this.tokens = Math.min(this.burst, this.tokens + Math.max(0, now - this.at) * this.perSecond);
    this.at = now;
    return this.tokens;
  }

  take(count: number): void {
    this.tokens -= count;
  }

  giveBack(count: number): void {
    this.tokens += count; // beyond the burst it is cut when it is looked at next
  }

  /** Seconds until there are so many, if none is taken. */
  secondsUntil(count: number, now: number): number {
    return Math.max(0, (count - this.left(now)) / this.perSecond);
  }
}

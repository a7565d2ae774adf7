const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/** When a failed run may be tried again: after 1, 2, 4 ... 60 s, whatever happens meanwhile. */
export class BackOff {
  private failures = 0;
  private until = 0;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Milliseconds until the next attempt; 0 when nothing stands in the way. */
  get waitMs(): number {
    return Math.max(0, this.until - this.clock());
  }

  failed(): void {
    this.until = this.clock() + Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures);
    this.failures++;
  }

  succeeded(): void {
    this.failures = 0;
    this.until = 0;
  }
}

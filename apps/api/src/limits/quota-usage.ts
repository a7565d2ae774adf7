import { Problem } from '../problem.js';
import { TokenBucket } from './token-bucket.js';

/** 0 = any number. */
export interface Quota {
  readonly linesPerSecond: number;
  readonly bytesPerDay: number;
}

/** Both in seconds: one that is never set, and the time of day. */
export interface Clocks {
  readonly steady: () => number;
  readonly utc: () => number;
}

const DAY_SECONDS = 86_400;

/** What one subject, a key or an address, has used of its quota. */
export class QuotaUsage {
  /** In ticks of the ledger; who was not seen for long may be forgotten. */
  usedAt = 0;
  /** Bytes of the day, as far as they are not in the ledger yet. */
  unsaved = 0;
  private bytes = 0;
  private day: number;
  private bucket: TokenBucket | undefined;
  private policy = '';
  private quota: Quota = { linesPerSecond: 0, bytesPerDay: 0 };

  constructor(
    /** As the ledger and messages name it, e.g. `key 3f2a`. */
    readonly subject: string,
    private readonly burstSeconds: number,
    private readonly clocks: Clocks,
  ) {
    this.day = Math.floor(clocks.utc() / DAY_SECONDS);
  }

  /** A quota may change while the process runs; what was used stays used. */
  under(quota: Quota): this {
    const { linesPerSecond, bytesPerDay } = quota;
    if (linesPerSecond === this.quota.linesPerSecond && bytesPerDay === this.quota.bytesPerDay) return this;
    const burst = linesPerSecond * this.burstSeconds;
    if (linesPerSecond !== this.quota.linesPerSecond) this.bucket = linesPerSecond === 0 ? undefined : new TokenBucket(linesPerSecond, burst, this.clocks.steady());
    this.quota = { linesPerSecond, bytesPerDay };
    this.policy = [
      ...(linesPerSecond === 0 ? [] : [`"lines";q=${burst};w=${this.burstSeconds};qu="lines"`]),
      ...(bytesPerDay === 0 ? [] : [`"bytes";q=${bytesPerDay};w=${DAY_SECONDS};qu="content-bytes"`]),
    ].join(', ');
    return this;
  }

  /** Days since 1970 whose bytes are counted now. Yesterday's rest is handed to whoever asks first. */
  get today(): number {
    return this.day;
  }

  /** Why a body of so many bytes, as far as that is known, is refused now. */
  refuse(bytes: number): Problem | undefined {
    this.turnOver();
    const { linesPerSecond, bytesPerDay } = this.quota;
    const now = this.clocks.steady();
    if (this.bucket !== undefined && this.bucket.left(now) <= 0) {
      const words = `${this.subject} may send ${linesPerSecond} lines a second on average, ${this.bucket.burst} at once. Nothing was stored; send the lines again later.`;
      return this.exceeded('lines', words, this.bucket.secondsUntil(1, now));
    }
    // A body without a known length is refused only when nothing is left; its bytes are looked at again when they are known.
    if (bytesPerDay > 0 && this.bytes + Math.max(1, bytes) > bytesPerDay) {
      const words = `${this.subject} may send ${bytesPerDay} bytes in a UTC day and has sent ${this.bytes}. Nothing was stored; send the lines tomorrow, or ask for a larger quota.`;
      return this.exceeded('bytes', words, this.secondsOfDayLeft());
    }
    return undefined;
  }

  take(lines: number, bytes: number): void {
    this.bucket?.take(lines);
    this.addBytes(bytes);
  }

  giveBack(lines: number, bytes: number): void {
    this.bucket?.giveBack(lines);
    this.addBytes(-bytes);
  }

  /** The ledger's sum of a day, over all processes. */
  settle(day: number, total: number): void {
    if (day === this.day) this.bytes = total + this.unsaved;
  }

  /** @returns how many bytes are to be added to the ledger for the day, which then counts them */
  takeUnsaved(): { day: number; bytes: number } {
    const taken = { day: this.day, bytes: this.unsaved };
    this.unsaved = 0;
    return taken;
  }

  /** `RateLimit` fields by draft-ietf-httpapi-ratelimit-headers-11: what is left, and in how many seconds all of it is again. */
  headers(): Record<string, string> {
    const now = this.clocks.steady();
    const left: string[] = [];
    if (this.bucket !== undefined) left.push(`"lines";r=${Math.max(0, Math.floor(this.bucket.left(now)))};t=${Math.ceil(this.bucket.secondsUntil(this.bucket.burst, now))}`);
    if (this.quota.bytesPerDay > 0) left.push(`"bytes";r=${Math.max(0, this.quota.bytesPerDay - this.bytes)};t=${this.secondsOfDayLeft()}`);
    return { 'ratelimit-policy': this.policy, ratelimit: left.join(', ') };
  }

  private addBytes(bytes: number): void {
    this.bytes += bytes;
    this.unsaved += bytes;
  }

  private turnOver(): void {
    const today = Math.floor(this.clocks.utc() / DAY_SECONDS);
    if (today === this.day) return;
    this.day = today;
    this.bytes = 0;
    this.unsaved = 0; // at most what was sent since the ledger was written last, of a day that is over
  }

  private secondsOfDayLeft(): number {
    return Math.ceil((this.day + 1) * DAY_SECONDS - this.clocks.utc());
  }

  /** Everybody who waits for the same moment would come in it: each is told up to a tenth more. */
  private exceeded(policy: string, words: string, seconds: number): Problem {
    const retryAfter = Math.ceil(Math.max(1, seconds) * (1 + Math.random() / 10));
    return new Problem('quota-exceeded', words, { members: { 'violated-policies': [policy] }, headers: { ...this.headers(), 'retry-after': String(retryAfter) } });
  }
}

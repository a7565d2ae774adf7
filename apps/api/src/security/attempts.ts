import { network } from '../network.js';

/** Addresses remembered at a time: 200 bytes each. Who is forgotten begins anew. */
const MOST_ADDRESSES = 10_000;
const MINUTE_MS = 60_000;

interface Bucket {
  left: number;
  at: number;
}

/**
 * How many wrong credentials an address may still send. Nobody guesses a key of 256 bits; this is so that a device
 * with a wrong key, or somebody who tries, costs the database nothing.
 */
export class Attempts {
  private readonly buckets = new Map<string, Bucket>();

  /** @param perMinute at once, and again in each minute */
  constructor(
    private readonly perMinute: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @returns 0 while the address may try, or the seconds until it may */
  wait(address: string): number {
    return this.secondsUntilOne(this.bucketOf(address));
  }

  /**
   * Takes one attempt of the address. Attempts at the same time may be more than there are: those go into debt, at most a
   * minute's worth.
   * @returns 0, or the seconds to wait when none was left
   */
  take(address: string): number {
    const bucket = this.bucketOf(address);
    const seconds = this.secondsUntilOne(bucket);
    bucket.left = Math.max(-this.perMinute, bucket.left - 1);
    return seconds;
  }

  private bucketOf(address: string): Bucket {
    const key = network(address);
    const now = this.now();
    const bucket = this.buckets.get(key) ?? { left: this.perMinute, at: now };
    bucket.left = Math.min(this.perMinute, bucket.left + ((now - bucket.at) * this.perMinute) / MINUTE_MS);
    bucket.at = now;
    this.buckets.delete(key);
    this.buckets.set(key, bucket); // the latest stands last
    if (this.buckets.size > MOST_ADDRESSES) this.buckets.delete(this.buckets.keys().next().value!);
    return bucket;
  }

  private secondsUntilOne({ left }: Bucket): number {
    return left >= 1 ? 0 : Math.max(1, Math.ceil(((1 - left) * MINUTE_MS) / this.perMinute / 1_000));
  }
}

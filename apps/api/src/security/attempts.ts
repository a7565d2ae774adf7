import { isIPv6 } from 'node:net';

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

  /**
   * Takes one attempt of the address; a credential that proves to be good gives it back.
   * @returns 0, or the seconds to wait when none is left
   */
  take(address: string): number {
    const key = network(address);
    const now = this.now();
    const bucket = this.buckets.get(key) ?? { left: this.perMinute, at: now };
    bucket.left = Math.min(this.perMinute, bucket.left + ((now - bucket.at) * this.perMinute) / MINUTE_MS);
    bucket.at = now;
    this.buckets.delete(key);
    this.buckets.set(key, bucket); // the latest stands last
    if (this.buckets.size > MOST_ADDRESSES) this.buckets.delete(this.buckets.keys().next().value!);
    if (bucket.left < 1) return Math.max(1, Math.ceil(((1 - bucket.left) * MINUTE_MS) / this.perMinute / 1_000));
    bucket.left--;
    return 0;
  }

  giveBack(address: string): void {
    const bucket = this.buckets.get(network(address));
    if (bucket !== undefined) bucket.left = Math.min(this.perMinute, bucket.left + 1);
  }
}

/** An IPv4 address, or the first 64 bits of an IPv6 one: the rest a client chooses at will. */
export function network(address: string): string {
  const plain = address.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: gap }, () => '0'), ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

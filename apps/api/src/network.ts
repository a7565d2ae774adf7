import { isIPv4, isIPv6 } from 'node:net';

/** What a proxy puts into `X-Forwarded-For` when it is no address at all: all such clients are one. */
const UNKNOWN = 'unknown';

/**
 * An IPv4 address, or the first 64 bits of an IPv6 one: the rest a client chooses at will, as it does the port that some
 * proxies add (`192.0.2.1:5678`, `[2001:db8::1]:5678`).
 */
export function network(address: string): string {
  const plain = address.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$|^\[([^\]]*)\](?::\d+)?$/, '$1$2').replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return isIPv4(plain) ? plain : UNKNOWN;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: gap }, () => '0'), ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

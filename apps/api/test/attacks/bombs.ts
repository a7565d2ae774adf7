import { gzipSync } from 'node:zlib';

/** A body that is refused before it is unpacked in full, or is read whole and correctly. */
export interface BodyCase {
  readonly name: string;
  readonly body: Buffer;
  readonly encoding: string;
  readonly status: number;
}

const line = '1 a 1\n';

/** Compressed bodies at and beyond the limit of decoded bytes. */
export function bombs(limitBytes: number): BodyCase[] {
  const zeros = gzipSync(Buffer.alloc(200 << 20));
  const good = gzipSync(line.repeat(100));
  return [
    { name: 'zeros that unpack to a thousand times their size', body: zeros, encoding: 'gzip', status: 413 },
    { name: 'the same as deflate is damaged', body: zeros, encoding: 'deflate', status: zeros.length > limitBytes ? 413 : 400 },
    { name: 'a bomb in the second member', body: Buffer.concat([good, zeros]), encoding: 'gzip', status: 413 },
    { name: 'a bomb in a bomb, which is not unpacked twice', body: gzipSync(zeros), encoding: 'gzip', status: zeros.length > limitBytes ? 413 : 400 },
    { name: 'two codings', body: gzipSync(zeros), encoding: 'gzip, gzip', status: 415 },
    { name: 'a truncated member', body: good.subarray(0, good.length - 5), encoding: 'gzip', status: 400 },
    { name: 'a good member, then half of one', body: Buffer.concat([good, good.subarray(0, 20)]), encoding: 'gzip', status: 400 },
    { name: 'an unknown coding', body: good, encoding: 'br', status: 415 },
    { name: 'two good members', body: Buffer.concat([good, good]), encoding: 'gzip', status: 200 },
  ];
}

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Failpoint, type FlushPoint } from './failpoint.js';

/** A message as PostgreSQL frames it. */
function message(type: string, content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const startup = message('', Buffer.from('\0\x03\0\0application_name\0ingot ingest\0\0')).subarray(1);
const requests = [message('p', 'secret\0'), message('Q', 'begin; copy t from stdin; commit\0'), message('d', Buffer.alloc(5_000, 'c\0\0\0\x04')), message('c', ''), message('Q', 'select 1\0')];
const answers = [message('R', '\0\0\0\0'), message('C', 'BEGIN\0'), message('D', Buffer.alloc(5_000, 'C\0\0\0\x0bCOMMIT\0')), message('C', 'COMMIT\0'), message('Z', 'I')];

describe('Failpoint', () => {
  it.each<[FlushPoint, 'requests' | 'answers', Buffer[], number]>([
    ['before COMMIT', 'requests', requests, 3],
    ['after COMMIT', 'answers', answers, 3],
  ])('%s: passes on everything before that message, however the bytes are cut, and nothing after', (point, way, messages, nth) => {
    const stream = Buffer.concat(messages);
    const place = Buffer.concat(messages.slice(0, nth)).length;
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (places) => {
        const failpoint = new Failpoint();
        let acted = 0;
        void failpoint.arm(point, () => acted++);
        const look = failpoint.watch(() => undefined);
        expect(look(startup, 'requests')).toBe(startup.length);
        const cuts = [0, ...places.sort((a, b) => a - b), stream.length];
        let passed = 0;
        for (const [i, from] of cuts.slice(0, -1).entries()) {
          const piece = stream.subarray(from, cuts[i + 1]);
          const bytes = look(piece, way);
          passed += bytes;
          if (bytes < piece.length) break;
        }
        expect(acted).toBe(1);
        // The head of the message itself may have left before the rest of it came: it is no message yet.
        expect(passed).toBeGreaterThanOrEqual(place);
        expect(passed).toBeLessThan(place + (messages[nth]?.length ?? 0));
      }),
    );
  });

  it('lets everything through that is not of a session that writes', () => {
    const failpoint = new Failpoint();
    void failpoint.arm('after COMMIT', () => undefined);
    const look = failpoint.watch(() => undefined);
    look(Buffer.from(startup.toString('latin1').replace('ingest', 'run   '), 'latin1'), 'requests');
    for (const each of answers) expect(look(each, 'answers')).toBe(each.length);
  });
});

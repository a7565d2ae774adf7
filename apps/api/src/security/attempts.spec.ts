import { describe, expect, it } from '@jest/globals';
import { Attempts, network } from './attempts.js';

describe('Attempts', () => {
  let now = 0;
  const make = (perMinute: number): Attempts => {
    now = 0;
    return new Attempts(perMinute, () => now);
  };

  it('lets an address try so often in a minute, and says how long to wait then', () => {
    const attempts = make(3);
    expect([1, 2, 3, 4].map(() => attempts.take('10.0.0.1'))).toEqual([0, 0, 0, 20]);
    now = 10_000;
    expect(attempts.take('10.0.0.1')).toBe(10);
    expect(attempts.take('10.0.0.2')).toBe(0);
    now = 20_000;
    expect([attempts.take('10.0.0.1'), attempts.take('10.0.0.1')]).toEqual([0, 20]);
    now = 3_600_000;
    expect([1, 2, 3, 4].map(() => attempts.take('10.0.0.1'))).toEqual([0, 0, 0, 20]);
  });

  it('gives back what was no attempt, and never more than there is', () => {
    const attempts = make(2);
    attempts.giveBack('10.0.0.1');
    attempts.take('10.0.0.1');
    attempts.giveBack('10.0.0.1');
    attempts.giveBack('10.0.0.1');
    expect([1, 2, 3].map(() => attempts.take('10.0.0.1') > 0)).toEqual([false, false, true]);
  });

  it('forgets the address that was quiet longest, so that it never holds more than ten thousand', () => {
    const attempts = make(1);
    attempts.take('first');
    attempts.take('second');
    attempts.take('first');
    for (let i = 0; i < 9_999; i++) attempts.take(`a${i}`);
    expect(attempts.take('second')).toBe(0);
    expect(attempts.take('a9998')).toBe(60);
    expect((attempts as unknown as { buckets: Map<string, unknown> }).buckets.size).toBe(10_000);
  });

  it('takes the first 64 bits of an IPv6 address for one', () => {
    expect([network('2001:DB8:0:1::1'), network('2001:db8::1:2:3:4:5'), network('::1'), network('fe80::1%eth0'), network('::ffff:10.1.2.3'), network('10.1.2.3')]).toEqual([
      '2001:db8:0:1', '2001:db8:0:1', '0:0:0:0', 'fe80:0:0:0', '10.1.2.3', '10.1.2.3',
    ]);
  });
});

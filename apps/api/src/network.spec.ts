import { describe, expect, it } from '@jest/globals';
import { network } from './network.js';

describe('the network of a client', () => {
  it('is an IPv4 address, or the first 64 bits of an IPv6 one', () => {
    expect([network('2001:DB8:0:1::1'), network('2001:db8::1:2:3:4:5'), network('::1'), network('fe80::1%eth0'), network('::ffff:10.1.2.3'), network('10.1.2.3')]).toEqual([
      '2001:db8:0:1', '2001:db8:0:1', '0:0:0:0', 'fe80:0:0:0', '10.1.2.3', '10.1.2.3',
    ]);
  });

  it('is the same whatever port a proxy has put behind it, and one for all that is no address', () => {
    expect([network('10.1.2.3:5678'), network('[2001:db8:0:1::1]:5678'), network('[2001:db8:0:1::2]'), network('unknown'), network('_hidden7'), network('10.1.2.3:x')]).toEqual([
      '10.1.2.3', '2001:db8:0:1', '2001:db8:0:1', 'unknown', 'unknown', 'unknown',
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { mustFit } from './upgrade-embedded.js';

const GIB = 1024 ** 3;

describe('mustFit', () => {
  it('asks for the database, a tenth and 768 MiB', () => {
    expect(() => mustFit(10 * GIB, 11.75 * GIB, '/data')).not.toThrow();
    expect(() => mustFit(10 * GIB, 11.7 * GIB, '/data')).toThrow(/^The upgrade needs 12,032 MiB in \/data, where a second copy of the database is made, and 11,981 MiB are free\.$/);
  });
});

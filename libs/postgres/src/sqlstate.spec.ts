import { describe, expect, it } from '@jest/globals';
import { isConnectionError, isTransient } from './sqlstate.js';

const serverError = (code: string, message = 'told by the server'): Error => Object.assign(new Error(message), { code });

describe('isTransient', () => {
  it.each([
    ['08006', 'connection failure'], ['57P01', 'admin shutdown'], ['57P03', 'cannot connect now'], ['40001', 'serialization failure'], ['40P01', 'deadlock detected'],
    ['55P03', 'lock not available'], ['53300', 'too many connections'], ['53100', 'disk full'], ['55000', 'lost connection to parallel worker'], ['ECONNREFUSED', 'connect ECONNREFUSED'],
  ])('tries again after %s %s', (code, message) => expect(isTransient(serverError(code, message))).toBe(true));

  it.each([
    ['22012', 'division by zero'], ['23505', 'unique violation'], ['42P01', 'undefined table'], ['57014', 'canceling statement due to statement timeout'],
    ['53400', 'temporary file size exceeds temp_file_limit'], ['55000', 'currval of sequence is not yet defined'], ['XX000', 'internal error'],
  ])('does not after %s %s', (code, message) => expect(isTransient(serverError(code, message))).toBe(false));

  it('knows what the driver says without a code', () => {
    expect(isConnectionError(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionError(new AggregateError([serverError('ECONNREFUSED')]))).toBe(true);
    expect(isTransient(new Error('something else'))).toBe(false);
  });
});

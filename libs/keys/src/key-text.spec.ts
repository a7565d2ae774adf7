import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digestOf, isKeyText, KEY_PATTERN, newKey, shownPrefix } from './key-text.js';

describe('the text of a key', () => {
  it('is its prefix and 49 letters and digits, never twice the same', () => {
    const keys = Array.from({ length: 200 }, newKey);
    for (const key of keys) expect([KEY_PATTERN.exec(`x=${key};`)?.[0], isKeyText(key)]).toEqual([key, true]);
    expect(new Set(keys).size).toBe(200);
    expect(new Set(keys.map((key) => key[6])).size).toBeGreaterThan(10);
  });

  it('shows of itself what tells it from others, and is stored as SHA-256', () => {
    const key = newKey();
    expect(shownPrefix(key)).toBe(key.slice(0, 12));
    expect(digestOf('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('is known for wrong when any of its characters is another one, when it is cut, padded, or in other case', () => {
    const key = newKey();
    fc.assert(fc.property(fc.nat(key.length - 1), fc.constantFrom(...'09AZaz'), (at, other) => isKeyText(key.slice(0, at) + other + key.slice(at + 1)) === (key[at] === other)));
    for (const wrong of [key.slice(0, -1), `${key}0`, ` ${key}`, `${key}\n`, `${key}=`, key.toUpperCase(), key.toLowerCase(), '', 'ingot_']) expect([wrong, isKeyText(wrong)]).toEqual([wrong, false]);
  });
});

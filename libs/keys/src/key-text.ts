import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'ingot_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** 62^43 is just above 2^256, 62^6 above 2^32. */
const SECRET_DIGITS = 43;
const CHECK_DIGITS = 6;
/** Of the secret's 43 digits six are shown in lists: 36 of its 256 bits. */
const SHOWN = PREFIX.length + 6;

/** A key wherever it stands in a text, for whoever has to hide or to find one. */
export const KEY_PATTERN = /ingot_[0-9A-Za-z]{49}/;
const WHOLE = new RegExp(`^${KEY_PATTERN.source}$`);

/**
 * A new key: `ingot_`, 256 random bits in base 62, and the CRC-32 of all that in base 62. A double click selects all of
 * it, a secret scanner finds it by its beginning, and a typo is known for one without asking the database.
 */
export function newKey(): string {
  const body = PREFIX + base62(BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`), SECRET_DIGITS);
  return body + checkDigits(body);
}

/** Whether a text has the form of a key, check digits included; says nothing of whether the key is good. */
export function isKeyText(text: string): boolean {
  return WHOLE.test(text) && text.endsWith(checkDigits(text.slice(0, -CHECK_DIGITS)));
}

/** What is stored of a key: SHA-256. A slow hash would guard guessable passwords; nobody guesses 256 bits. */
export function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The beginning of a key, enough to tell it from others. */
export function shownPrefix(key: string): string {
  return key.slice(0, SHOWN);
}

function checkDigits(body: string): string {
  return base62(BigInt(crc32(body)), CHECK_DIGITS);
}

function base62(value: bigint, digits: number): string {
  let text = '';
  for (let rest = value; text.length < digits; rest /= 62n) text = ALPHABET[Number(rest % 62n)]! + text;
  return text;
}

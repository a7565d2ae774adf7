import { explainLine, type LineFault } from './line-faults.js';
import { boundsNow, LINE_LIMITS, MAX_LISTED_FAULTS, MAX_NAME_LENGTH, PRECISIONS, type LineBounds, type Precision } from './line-limits.js';

/** A rejected line: both numbers count from 1, the column in characters. */
export interface LineError extends LineFault {
  line: number;
}

export interface ScannedBody {
  /** Start and end offset of each accepted line in turn, line end left out: `[start, end, start, end, ...]`. */
  ranges: number[];
  /** Accepted lines. */
  lines: number;
  /** Their bytes in all. */
  bytes: number;
  /** The first hundred rejected lines. */
  errors: LineError[];
  totalErrors: number;
}

const LF = 10;
const CR = 13;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const UPPER_E = 69;
const LOWER_E = 101;

const BLANK = 1;
const DIGIT = 2;
const LETTER = 4;
const NAME = 8;
const CLASS = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(256);
  const mark = (characters: string, bits: number): void => {
    for (const character of characters) table[character.charCodeAt(0)]! |= bits;
  };
  mark(' \t', BLANK);
  mark('0123456789', DIGIT | NAME);
  mark('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', LETTER | NAME);
  mark('_.:/-', NAME);
  return table;
}

/**
 * Splits a body into lines and checks each against the grammar, on bytes: nothing is decoded unless a line is refused.
 * A NUL or a byte that is not UTF-8 can only stand in a rejected line, because the grammar is ASCII.
 */
export function scanLines(body: Buffer, precision: Precision, bounds: LineBounds = boundsNow(LINE_LIMITS)): ScannedBody {
  const scanned: ScannedBody = { ranges: [], lines: 0, bytes: 0, errors: [], totalErrors: 0 };
  const { ranges } = scanned;
  const { lineBytes, lastSecond } = bounds;
  const length = body.length;
  const subSecondDigits = PRECISIONS[precision];
  let line = 1;
  for (let start = 0; start < length; line++) {
    let at = start;
    while (at < length && CLASS[body[at]!] === BLANK) at++;
    let end = isLineEnd(body, at) ? at : readingEnd(body, at, subSecondDigits, lastSecond);
    if (end !== -1 && end - start > lineBytes) end = -1;

    if (end === -1) {
      const newline = body.indexOf(LF, at);
      const next = newline === -1 ? length : newline + 1;
      scanned.totalErrors++;
      if (scanned.errors.length < MAX_LISTED_FAULTS) scanned.errors.push({ line, ...explainLine(body.subarray(start, next), precision, bounds) });
      start = next;
      continue;
    }
    if (end > at) {
      ranges.push(start, end);
      scanned.lines++;
      scanned.bytes += end - start;
    }
    start = end + (body[end] === CR ? 2 : 1);
  }
  return scanned;
}

/** True at the end of the body, at LF and at CR LF; a CR alone ends no line. */
function isLineEnd(body: Buffer, at: number): boolean {
  if (at >= body.length) return true;
  const byte = body[at]!;
  return byte === LF || (byte === CR && at + 1 < body.length && body[at + 1] === LF);
}

/** The offset of the line end behind the reading that starts at `at`, or -1 when the grammar refuses it. */
function readingEnd(body: Buffer, at: number, subSecondDigits: number, lastSecond: number): number {
  const length = body.length;
  let seconds = 0;
  let i = at;
  for (; i < length && CLASS[body[i]!]! & DIGIT; i++) seconds = seconds * 10 + (body[i]! - 48);
  if (i === at) return -1;
  if (subSecondDigits > 0) {
    seconds = 0; // beyond 2^53 a double rounds, so only the digits of the seconds are counted
    for (let digit = at; digit < i - subSecondDigits; digit++) seconds = seconds * 10 + (body[digit]! - 48);
  }
  if (seconds > lastSecond) return -1;

  const name = skipBlanks(body, i);
  if (name === i || name >= length || !(CLASS[body[name]!]! & LETTER)) return -1;
  for (i = name + 1; i < length && CLASS[body[i]!]! & NAME; ) i++;
  if (i - name > MAX_NAME_LENGTH) return -1;

  const value = skipBlanks(body, i);
  if (value === i) return -1;
  const valueEnd = numberEnd(body, value);
  if (valueEnd === -1) return -1;
  const end = skipBlanks(body, valueEnd);
  return isLineEnd(body, end) ? end : -1;
}

function skipBlanks(body: Buffer, at: number): number {
  while (at < body.length && CLASS[body[at]!] === BLANK) at++;
  return at;
}

// Without an exponent 300 characters stay between 1e-300 and 1e300, so only the rest is converted.
const MAX_PLAIN_LENGTH = 300;

/** The end of `[+-] digits [. digits] [e [+-] digits]` that is finite and not an underflow, or -1. */
function numberEnd(body: Buffer, start: number): number {
  const length = body.length;
  let i = start;
  if (i < length && (body[i] === MINUS || body[i] === PLUS)) i++;
  const whole = i;
  while (i < length && CLASS[body[i]!]! & DIGIT) i++;
  let digits = i - whole;
  if (i < length && body[i] === DOT) {
    const fraction = ++i;
    while (i < length && CLASS[body[i]!]! & DIGIT) i++;
    digits += i - fraction;
  }
  if (digits === 0) return -1;
  const mantissaEnd = i;
  if (i < length && (body[i] === LOWER_E || body[i] === UPPER_E)) {
    i++;
    if (i < length && (body[i] === MINUS || body[i] === PLUS)) i++;
    const exponent = i;
    while (i < length && CLASS[body[i]!]! & DIGIT) i++;
    if (i === exponent) return -1;
  } else if (i - start <= MAX_PLAIN_LENGTH) {
    return i;
  }
  const value = Number(body.toString('latin1', start, i));
  return Number.isFinite(value) && (value !== 0 || isAllZeros(body, start, mantissaEnd)) ? i : -1;
}

/** Digits that are not all zero but read as 0 are an underflow, which PostgreSQL refuses. */
function isAllZeros(body: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (body[i]! > 48 && body[i]! <= 57) return false;
  return true;
}

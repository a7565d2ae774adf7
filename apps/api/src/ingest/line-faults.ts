import { LAST_SECOND, MAX_NAME_LENGTH, PRECISIONS, type LineBounds, type Precision } from './line-limits.js';

/** Each rule of the grammar has a code of its own. */
export type LineFaultCode =
  | 'line-too-long'
  | 'byte-order-mark'
  | 'lone-carriage-return'
  | 'missing-field'
  | 'extra-field'
  | 'glued-lines'
  | 'invalid-timestamp'
  | 'timestamp-out-of-range'
  | 'too-far-ahead'
  | 'invalid-name'
  | 'name-too-long'
  | 'invalid-value'
  | 'decimal-comma'
  | 'hexadecimal'
  | 'digit-separator'
  | 'not-finite'
  | 'overflow'
  | 'underflow'
  // Not of the grammar: limits/ says it of a name that finds no room.
  | 'too-many-names';

export interface LineFault {
  /** 1-based, in characters. */
  column: number;
  code: LineFaultCode;
  detail: string;
}

/** A field of the line and where it starts, as an index into the text. */
interface Field {
  text: string;
  at: number;
}

type Fault = Omit<LineFault, 'column'> & { at: number };

const FORM = 'A line is `timestamp name value`, separated by blanks';
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/**
 * Says why the grammar refuses a line: the leftmost cause that has a way out to name. Only called for lines that are
 * refused, so it may be slow.
 * @param line the bytes of the line, its line end included
 */
export function explainLine(line: Buffer, precision: Precision, bounds: LineBounds): LineFault {
  const text = line.toString('utf8').replace(/\r?\n$/, '');
  const { at, code, detail } = faultOf(text, precision, bounds);
  return { column: [...text.slice(0, at)].length + 1, code, detail };
}

function faultOf(text: string, precision: Precision, { lineBytes, lastSecond }: LineBounds): Fault {
  if (Buffer.byteLength(text) > lineBytes) return { at: 0, code: 'line-too-long', detail: `A line holds at most ${lineBytes} bytes. Is a line end missing?` };
  const content = text.search(/[^ \t]/);
  if (text[content] === '\uFEFF') return { at: content, code: 'byte-order-mark', detail: 'The text starts with a byte order mark. Save it as UTF-8 without one.' };
  const carriageReturn = text.indexOf('\r');
  if (carriageReturn !== -1) return { at: carriageReturn, code: 'lone-carriage-return', detail: 'A carriage return stands without a line feed. End lines with LF or CR LF.' };

  const fields = [...text.matchAll(/[^ \t]+/g)].map((match): Field => ({ text: match[0], at: match.index }));
  const [timestamp, name, value, extra] = fields;
  if (extra !== undefined) return surplus(fields, extra);
  if (timestamp === undefined || name === undefined || value === undefined) {
    return { at: text.replace(/[ \t]+$/, '').length, code: 'missing-field', detail: `${FORM}; ${name === undefined ? 'name and value are' : 'one field is'} missing.` };
  }
  const fault = timestampFault(timestamp, precision, lastSecond) ?? nameFault(name) ?? valueFault(value);
  if (fault === undefined) throw new Error('the grammar refused a line that has no fault');
  return fault;
}

/** More than three fields: lines whose line ends were stripped, or a field too many. */
function surplus(fields: Field[], extra: Field): Fault {
  const startsName = (field: Field | undefined): boolean => field !== undefined && /^[A-Za-z]/.test(field.text);
  const glued = fields.length > 4 && (startsName(extra) || startsName(fields[4]));
  return glued
    ? { at: extra.at, code: 'glued-lines', detail: 'Several lines seem to be glued together: `curl -d @file` strips line ends, use --data-binary.' }
    : { at: extra.at, code: 'extra-field', detail: `${FORM}; ${quote(extra.text)} is one field too many.` };
}

function timestampFault({ text, at }: Field, precision: Precision, lastSecond: number): Fault | undefined {
  const other = text.search(/\D/);
  if (other !== -1) {
    const hint = /^\d+[.,]\d+$/.test(text) ? ' For parts of a second send whole milliseconds and ?precision=ms.' : '';
    return { at: at + other, code: 'invalid-timestamp', detail: `${quote(text)} is not a timestamp: digits only, counted from 1970-01-01T00:00:00Z.${hint}` };
  }
  if (fits(text, precision)) return tooFarAhead(text, at, precision, lastSecond);
  const looksLike = (Object.keys(PRECISIONS) as Precision[]).find((unit) => PRECISIONS[unit] > PRECISIONS[precision] && fits(text, unit));
  const hint = looksLike === undefined ? 'The last second is that of 9999-12-31T23:59:59Z.' : `It looks like ?precision=${looksLike}.`;
  return { at, code: 'timestamp-out-of-range', detail: `${quote(text)} is too large for precision ${precision}. ${hint}` };
}

function fits(digits: string, precision: Precision, lastSecond = LAST_SECOND): boolean {
  return BigInt(digits) / 10n ** BigInt(PRECISIONS[precision]) <= BigInt(lastSecond);
}

function tooFarAhead(digits: string, at: number, precision: Precision, lastSecond: number): Fault | undefined {
  if (fits(digits, precision, lastSecond)) return undefined;
  const last = new Date(lastSecond * 1_000).toISOString();
  return { at, code: 'too-far-ahead', detail: `${quote(digits)} is too far in the future: the latest instant taken now is ${last}. Is the device's clock right?` };
}

function nameFault({ text, at }: Field): Fault | undefined {
  if (!/^[A-Za-z]/.test(text)) return { at, code: 'invalid-name', detail: `${quote(text)} is not a name: it starts with a letter.` };
  const other = text.search(/[^A-Za-z0-9_.:/-]/);
  if (other !== -1) return { at: at + other, code: 'invalid-name', detail: `${quote(text)} is not a name: letters, digits and _ . : / - only.` };
  if (text.length > MAX_NAME_LENGTH) return { at: at + MAX_NAME_LENGTH, code: 'name-too-long', detail: `A name has at most ${MAX_NAME_LENGTH} characters; this one has ${text.length}.` };
  return undefined;
}

function valueFault({ text, at }: Field): Fault | undefined {
  if (NUMBER.test(text)) {
    const value = Number(text);
    if (!Number.isFinite(value)) return { at, code: 'overflow', detail: `${quote(text)} is larger than a double-precision number can be (1.8e308).` };
    const mantissa = text.split(/[eE]/)[0] ?? '';
    if (value === 0 && /[1-9]/.test(mantissa)) return { at, code: 'underflow', detail: `${quote(text)} is smaller than a double-precision number can be (5e-324). Send 0 if that is meant.` };
    return undefined;
  }
  if (/^[-+]?(nan|inf(inity)?)$/i.test(text)) return { at, code: 'not-finite', detail: `${quote(text)} is not a finite number. Leave the reading out.` };
  if (/^[-+]?0x/i.test(text)) return { at, code: 'hexadecimal', detail: `${quote(text)} looks hexadecimal. Write it in decimal.` };
  const comma = text.indexOf(',');
  if (comma !== -1) return { at: at + comma, code: 'decimal-comma', detail: `${quote(text)} holds a comma. Write the fraction after a point and no thousands separators.` };
  const underscore = text.indexOf('_');
  if (underscore !== -1) return { at: at + underscore, code: 'digit-separator', detail: `${quote(text)} holds an underscore. Write the digits without separators.` };
  return { at, code: 'invalid-value', detail: `${quote(text)} is not a decimal number such as -1.5 or 2e-3.` };
}

/** The text in quotes, cut to a length that fits a message; control characters escaped. */
function quote(text: string): string {
  const shown = [...text];
  return JSON.stringify(shown.length > 40 ? `${shown.slice(0, 40).join('')}…` : text);
}

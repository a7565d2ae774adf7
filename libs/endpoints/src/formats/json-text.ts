import { DAYS_TO_2000, INT32_MAX, INT32_MIN } from './column-kind.js';

const LEAST_BYTES = 4 * 1024;
const NOTHING = Buffer.alloc(0);
/** Longer pieces are copied by a call into native code; below, a loop beats it. */
const SHORT = 64;
const [QUOTE, BACKSLASH, SPACE, ZERO, MINUS, POINT] = [0x22, 0x5c, 0x20, 0x30, 0x2d, 0x2e];
const DECIMAL_PLACES = 4;
const DECIMALS = 10 ** DECIMAL_PLACES;

const HIGH = 2 ** 32;
/** Below it, a count of microseconds is a whole number that a double holds. */
const SAFE_HIGH = 2 ** 53 / HIGH;
const UINT32_MAX = HIGH - 1;
const DAY_SECONDS = 86_400;

/** JSON in the making, as bytes of UTF-8. What writes a value returns true, or false with nothing written where JSON has none. */
export class JsonText {
  /** Bytes written. */
  length = 0;
  private bytes = NOTHING;
  private expected = LEAST_BYTES;
  /** Of the instant before: most come in order of time. */
  private day = Number.NaN;
  private date = '';
  private year = 0;
  private readonly stamp = Buffer.from('"0000-00-00T00:00:00.000Z"');

  /** What has been written since the last call. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.expected = Math.max(LEAST_BYTES, Math.ceil(this.length * 1.1)); // the next will be about as long
    this.bytes = NOTHING;
    this.length = 0;
    return taken;
  }

  ascii(text: string): true {
    const { length } = text;
    this.reserve(length);
    for (let i = 0; i < length; i++) this.bytes[this.length++] = text.charCodeAt(i);
    return true;
  }

  raw(bytes: Buffer, at: number, length: number): true {
    this.reserve(length);
    if (length < SHORT) for (let i = at; i < at + length; i++) this.bytes[this.length++] = bytes[i]!;
    else this.length += bytes.copy(this.bytes, this.length, at, at + length);
    return true;
  }

  double(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    if (value === 0) return this.ascii(Object.is(value, -0) ? '-0' : '0');
    const scaled = Math.round(value * DECIMALS);
    // Most readings have few decimals: with at most 15 digits that give the value, no shorter notation of it exists.
    if (scaled / DECIMALS === value && Math.abs(value) < INT32_MAX) return this.decimal(scaled);
    // Not String(): it keeps what it gave in old space, 70 MB for 3 M numbers.
    return this.ascii(JSON.stringify(value));
  }

  /** A text of UTF-8. */
  string(bytes: Buffer, at: number, length: number): true {
    for (let i = at; i < at + length; i++) {
      const byte = bytes[i]!;
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) continue;
      const escaped = Buffer.from(JSON.stringify(bytes.toString('utf8', at, at + length)));
      return this.raw(escaped, 0, escaped.length);
    }
    this.byte(QUOTE);
    this.raw(bytes, at, length);
    return this.byte(QUOTE);
  }

  /**
   * Microseconds from 2000 as `"2022-04-14T13:10:17.000Z"`: three digits, cut. Years that this notation has no room for
   * as PostgreSQL writes them.
   */
  instant(bytes: Buffer, at: number): boolean {
    const high = bytes.readInt32BE(at);
    const low = bytes.readUInt32BE(at + 4);
    if ((high === INT32_MAX && low === UINT32_MAX) || (high === INT32_MIN && low === 0)) return false;
    const [seconds, micros] = high >= -SAFE_HIGH && high < SAFE_HIGH ? split(high * HIGH + low) : splitLarge(bytes.readBigInt64BE(at));
    const day = Math.floor(seconds / DAY_SECONDS);
    if (day !== this.day) this.setDay(day);
    const second = seconds - day * DAY_SECONDS;
    const { stamp } = this;
    writeDigits(stamp, 12, (second / 3_600) | 0, 2);
    writeDigits(stamp, 15, ((second / 60) | 0) % 60, 2);
    writeDigits(stamp, 18, second % 60, 2);
    if (this.year < 1 || this.year > 9_999) return this.distantInstant(micros);
    writeDigits(stamp, 21, (micros / 1_000) | 0, 3);
    return this.raw(stamp, 0, stamp.length);
  }

  private distantInstant(micros: number): true {
    const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;
    return this.ascii(`"${this.date}${this.stamp.toString('latin1', 11, 20)}${fraction}+00:00${this.year < 1 ? ' BC' : ''}"`);
  }

  private setDay(day: number): void {
    this.day = day;
    const [year, month, date] = civilDay(day);
    this.year = year;
    this.date = `${String(year < 1 ? 1 - year : year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`;
    this.stamp.write(this.date, 1, 10, 'latin1');
  }

  /** A whole number of 1 / DECIMALS. */
  private decimal(scaled: number): true {
    const size = Math.abs(scaled);
    const whole = Math.floor(size / DECIMALS);
    let fraction = size - whole * DECIMALS;
    let [wholeDigits, decimals] = [1, fraction === 0 ? 0 : DECIMAL_PLACES];
    for (let limit = 10; whole >= limit; limit *= 10) wholeDigits++;
    for (; decimals > 0 && fraction % 10 === 0; fraction /= 10) decimals--;
    this.reserve(wholeDigits + decimals + 2);
    if (scaled < 0) this.byte(MINUS);
    writeDigits(this.bytes, this.length, whole, wholeDigits);
    this.length += wholeDigits;
    if (decimals === 0) return true;
    this.byte(POINT);
    writeDigits(this.bytes, this.length, fraction, decimals);
    this.length += decimals;
    return true;
  }

  private byte(byte: number): true {
    this.reserve(1);
    this.bytes[this.length++] = byte;
    return true;
  }

  private reserve(length: number): void {
    if (this.length + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.expected, 2 * this.bytes.length, this.length + length));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** A number below 2 ** 31, with zeros before it. */
function writeDigits(bytes: Buffer, at: number, value: number, count: number): void {
  for (let i = at + count - 1, left = value; i >= at; i--, left = (left / 10) | 0) bytes[i] = ZERO + (left % 10);
}

/** Whole seconds, and microseconds of the next one. */
type Split = readonly [seconds: number, micros: number];

function split(micros: number): Split {
  const seconds = Math.floor(micros / 1e6);
  const rest = micros - seconds * 1e6;
  return rest < 0 ? [seconds - 1, rest + 1e6] : [seconds, rest]; // the quotient is rounded
}

function splitLarge(micros: bigint): Split {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return [Number((micros - rest) / 1_000_000n), Number(rest)];
}

/** The calendar repeats itself; JavaScript's ends 18,000 years before PostgreSQL's. */
const [CYCLE_DAYS, CYCLE_YEARS] = [146_097, 400];

/** Year (0 is 1 BC), month and day of the month, from days since 2000. */
function civilDay(day: number): readonly [number, number, number] {
  const cycles = Math.floor(day / CYCLE_DAYS);
  const date = new Date((day - cycles * CYCLE_DAYS + DAYS_TO_2000) * DAY_SECONDS * 1_000);
  return [date.getUTCFullYear() + cycles * CYCLE_YEARS, date.getUTCMonth() + 1, date.getUTCDate()];
}

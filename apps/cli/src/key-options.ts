import { SCOPES, isScope, type Scope } from '@ingot/keys';
import { InvalidArgumentError, Option } from 'commander';

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 3_650 * 86_400_000;
const UNITS_BYTES: Readonly<Record<string, number>> = { '': 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** An option that is a time in milliseconds, written `30m`, `24h` or `90d`. */
export function timeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const [, amount, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
    const ms = Number(amount) * (UNITS_MS[unit] ?? NaN);
    if (!(ms >= 0 && ms <= LONGEST_MS)) throw new InvalidArgumentError('It must be a time such as 30m, 24h or 90d, at most 3650d.');
    return ms;
  });
}

/** May be given several times. */
export function scopeOption(): Option {
  return new Option('--scope <scope>', `what it may do, once for each: ${SCOPES.join(', ')}`).argParser((text, before: Scope[] | undefined) => {
    if (!isScope(text)) throw new InvalidArgumentError(`Scopes are ${SCOPES.join(', ')}.`);
    return [...new Set([...(before ?? []), text])];
  });
}

export function bytesOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const [, amount, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?) ?([kKMGT]?i?B|)$/.exec(text) ?? [];
    const bytes = Math.round(Number(amount) * (UNITS_BYTES[unit] ?? NaN));
    if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('It must be a number of bytes, e.g. 500MB, 1GB or 2GiB; 0 for no limit.');
    return bytes;
  });
}

/** A whole number from 0 that PostgreSQL's integer holds. */
export function rateOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, e.g. 500; 0 for no limit.');
    return Number(text);
  });
}

export function nameOption(): Option {
  return new Option('--name <name>', 'what it is called; default: its device').argParser((text) => {
    if (!/^[\x21-\x7e]{1,128}$/.test(text) || /^\d+$/.test(text)) throw new InvalidArgumentError('It must be 1 to 128 printable ASCII characters without blanks, and not a number, which would be an id.');
    return text;
  });
}

export function deviceOption(): Option {
  return new Option('--device <device>', 'the one device it acts as; without it any that a request names').argParser((text) => {
    if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(text)) throw new InvalidArgumentError('It must be 1 to 128 printable ASCII characters, as X-Device-Id takes them.');
    return text;
  });
}

/** The SHA-256 of a key that was made elsewhere, as `ingot keys make` prints it. */
export function sha256Option(): Option {
  return new Option('--sha256 <hex>', 'stores a key that `ingot keys make` made elsewhere, by its SHA-256; nothing secret is shown').argParser((text) => {
    if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
    return Buffer.from(text, 'hex');
  });
}

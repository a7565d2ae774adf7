import { durationOf } from '@ingot/datasets';
import { InvalidArgumentError, Option } from 'commander';

/** An option whose value is a number of seconds, fractions allowed. */
export function secondsOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (!/^\d{1,7}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number of seconds, e.g. 30.');
    return Number(text);
  });
}

/** An option whose value is a whole number from 1. */
export function countOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(wholeNumber);
}

/** @throws InvalidArgumentError for what is no whole number from 1 */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

/** An option whose value is a time such as `90d`, in milliseconds. */
export function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const ms = durationOf(text);
    if (Number.isNaN(ms)) throw new InvalidArgumentError('It must be a time such as 12h or 90d.');
    return ms;
  });
}

import { Option } from 'commander';
import type { Io } from '../io.js';

/** `--json`, the same in every command with results. */
export const jsonOption = (): Option => new Option('--json', 'one JSON document on stdout, for machines');

/**
 * Writes the one JSON document of a command. A bigint becomes a number; one beyond 2^53, which a reader in JavaScript
 * would round, becomes a text.
 */
export function writeJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, plainBigint, 2)}\n`);
}

function plainBigint(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

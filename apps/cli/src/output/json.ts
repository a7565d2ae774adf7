import { jsonDocument } from '@ingot/datasets';
import { Option } from 'commander';
import type { Io } from '../io.js';

/** `--json`, the same in every command with results. */
export const jsonOption = (): Option => new Option('--json', 'one JSON document on stdout, for machines');

/** Writes the one JSON document of a command. */
export function writeJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(jsonDocument(value), undefined, 2)}\n`);
}

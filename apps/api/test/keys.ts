import { execFile } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ENTRY = path.resolve('dist/apps/cli/src/main.js');

/** The text of a new key, made as docs/security.md says; in no database. */
export function keyText(): string {
  const body = `ingot_${Array.from({ length: 43 }, () => DIGITS[randomInt(62)]).join('')}`;
  let check = '';
  for (let rest = crc32(body); check.length < 6; rest = Math.floor(rest / 62)) check = DIGITS[rest % 62]! + check;
  return body + check;
}

export interface KeyTerms {
  readonly scopes: readonly string[];
  readonly device?: string;
  /** e.g. `-1 hour`. */
  readonly expires?: string;
}

/** Puts a key into the table as `ingot keys create` does, without a process for each. */
export async function addKey(database: { query(text: string, values: unknown[]): Promise<unknown> }, { scopes, device, expires }: KeyTerms): Promise<string> {
  const text = keyText();
  const digest = createHash('sha256').update(text).digest();
  await database.query(`insert into ingot.api_keys (name, prefix, digest, device, scopes, expires_at) values ($1, $2, $3, $4, $5, now() + $6::interval)`, [
    `k${text.slice(-20)}`, text.slice(0, 12), digest, device ?? null, scopes, expires ?? null,
  ]);
  return text;
}

/** `ingot keys <args> --json` in a process of its own. */
export async function runKeys<T>(databaseUrl: string, ...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [ENTRY, 'keys', ...args, '--json'], { env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl } });
  return JSON.parse(stdout) as T;
}

import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { Settings } from './settings.js';

/** The validated settings with what follows from them. Frozen: nothing changes after the start. */
export interface Config extends Readonly<Settings> {
  /** True when no DATABASE_URL is given: the service owns a PostgreSQL under INGOT_DATA_DIR. */
  readonly embedded: boolean;
  readonly INGOT_APPLY: 'auto' | 'manual';
  readonly INGOT_AUTH: 'off';
}

/** Every wrong variable at once, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/** Variables that may hold a password or a key, and what of them may be shown. */
const SECRETS: Readonly<Record<string, (value: string) => string>> = {
  DATABASE_URL: redactUrl,
  OTEL_EXPORTER_OTLP_ENDPOINT: redactUrl,
  OTEL_EXPORTER_OTLP_HEADERS: () => '***',
};

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/**
 * Environment -> one frozen, validated object.
 * @throws ConfigError naming each variable, its value (never that of a URL) and what it must be.
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const known = Object.keys(new Settings()).concat('DATABASE_URL', 'INGOT_APPLY', 'INGOT_AUTH', 'INGOT_SPOOL_DIR', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS');
  const given = Object.fromEntries(known.filter((name) => env[name] !== undefined && env[name] !== '').map((name) => [name, env[name]]));
  const settings = plainToInstance(Settings, given, { exposeDefaultValues: true });

  const problems = validateSync(settings, { forbidUnknownValues: false }).map((error) => {
    const value = SECRETS[error.property] !== undefined ? '' : `=${JSON.stringify(env[error.property])}`;
    // Of a value that is no whole number nothing more need be said, least of all its bounds.
    const { isInt, isNumber, ...others } = error.constraints ?? {};
    const words = isInt ?? isNumber ?? Object.values(others).join(', ');
    return `${error.property}${value}: ${words.replaceAll(`${error.property} `, '')}`;
  });
  problems.push(...unknownVariables(env, known));
  // An unset secret in a deployment must not start an empty database of its own beside the real one.
  if (env.DATABASE_URL === '') problems.push('DATABASE_URL: is empty; give a postgres:// URL, or unset it for the embedded server');
  if (settings.INGOT_READ_POOL_MIN > settings.INGOT_READ_POOL_MAX) {
    problems.push(`INGOT_READ_POOL_MIN=${settings.INGOT_READ_POOL_MIN}: must not be greater than INGOT_READ_POOL_MAX=${settings.INGOT_READ_POOL_MAX}`);
  }
  if (settings.INGOT_QUEUE_LIMIT_BYTES < settings.INGOT_BODY_LIMIT_BYTES) {
    problems.push(`INGOT_QUEUE_LIMIT_BYTES=${settings.INGOT_QUEUE_LIMIT_BYTES}: must hold at least one body (INGOT_BODY_LIMIT_BYTES=${settings.INGOT_BODY_LIMIT_BYTES})`);
  }
  if (!LOOPBACK.test(settings.HOST) && settings.INGOT_AUTH === undefined) {
    problems.push(`HOST="${settings.HOST}": would serve the network without authentication; set INGOT_AUTH=off if that is what you want`);
  }
  if (settings.INGOT_ROLE === 'api' && settings.DATABASE_URL === undefined) {
    problems.push('INGOT_ROLE="api": leaves the runs to other processes, and only this one uses the embedded server; set DATABASE_URL');
  }
  if (problems.length > 0) throw new ConfigError(problems);

  const embedded = settings.DATABASE_URL === undefined;
  return Object.freeze({
    ...settings,
    embedded,
    INGOT_APPLY: settings.INGOT_APPLY ?? (embedded ? 'auto' : 'manual'),
    INGOT_AUTH: settings.INGOT_AUTH ?? 'off',
  });
}

/** A misspelt variable would be ignored in silence; every INGOT_ name that means nothing is an error. */
function unknownVariables(env: Record<string, string | undefined>, known: string[]): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('INGOT_') && !name.startsWith('INGOT_TEST_') && !known.includes(name))
    .map((name) => `${name}: unknown variable; known are ${known.filter((k) => k.startsWith('INGOT_')).join(', ')}`);
}

/** Every variable with its value, passwords and keys hidden. */
export function plainConfig(config: Config): Record<string, string | number> {
  const settings = Object.entries(config).filter(([name, value]) => name !== 'embedded' && value !== undefined) as [string, string | number][];
  return Object.fromEntries(settings.map(([name, value]) => [name, SECRETS[name]?.(String(value)) ?? value]));
}

/** The same as NAME=value lines. Printed by `ingot config`. */
export function describeConfig(config: Config): string {
  return Object.entries(plainConfig(config)).map(([name, value]) => `${name}=${value}`).join('\n');
}

/** postgres://user:***@host:port/db, safe to log; anything that is no URL is hidden whole. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password !== '') parsed.password = '***';
    if (parsed.searchParams.has('password')) parsed.searchParams.set('password', '***');
    return parsed.toString();
  } catch {
    return '***';
  }
}

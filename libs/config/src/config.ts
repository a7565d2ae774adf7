import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { withSecretFiles } from './secret-files.js';
import { Settings } from './settings.js';

/** The validated settings with what follows from them. Frozen: nothing changes after the start. */
export interface Config extends Readonly<Settings> {
  /** True when no DATABASE_URL is given: the service owns a PostgreSQL under INGOT_DATA_DIR. */
  readonly embedded: boolean;
  /** Others than programs of this machine can reach it. */
  readonly servesNetwork: boolean;
  readonly INGOT_APPLY: 'auto' | 'manual';
  readonly INGOT_AUTH: 'off' | 'required';
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
  DATABASE_INGEST_URL: redactUrl,
  DATABASE_READ_URL: redactUrl,
  DATABASE_RUN_URL: redactUrl,
  OTEL_EXPORTER_OTLP_ENDPOINT: redactUrl,
  OTEL_EXPORTER_OTLP_HEADERS: () => '***',
};

/** Settings of the security without a default. */
const OPTIONAL_OF_SECURITY = ['INGOT_TRUST_PROXY', 'INGOT_JWT_ISSUER', 'INGOT_JWT_AUDIENCE', 'INGOT_JWT_JWKS'];

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/**
 * Environment -> one frozen, validated object.
 * @throws ConfigError naming each variable, its value (never that of a URL) and what it must be.
 */
export function loadConfig(environment: Record<string, string | undefined>): Config {
  const { env, problems: unreadable } = withSecretFiles(environment, Object.keys(SECRETS));
  const known = Object.keys(new Settings()).concat('DATABASE_URL', 'DATABASE_INGEST_URL', 'DATABASE_READ_URL', 'DATABASE_RUN_URL', 'INGOT_ALLOW_UNSAFE_DURABILITY', 'INGOT_APPLY', 'INGOT_ARCHIVE_DIR', 'INGOT_AUTH', ...OPTIONAL_OF_SECURITY, 'INGOT_SPOOL_DIR', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS');
  const given = Object.fromEntries(known.filter((name) => env[name] !== undefined && env[name] !== '').map((name) => [name, env[name]]));
  const settings = plainToInstance(Settings, given, { exposeDefaultValues: true });

  const problems = validateSync(settings, { forbidUnknownValues: false }).map((error) => {
    const value = SECRETS[error.property] !== undefined ? '' : `=${JSON.stringify(env[error.property])}`;
    // Of a value that is no whole number nothing more need be said, least of all its bounds.
    const { isInt, isNumber, ...others } = error.constraints ?? {};
    const words = isInt ?? isNumber ?? Object.values(others).join(', ');
    return `${error.property}${value}: ${words.replaceAll(`${error.property} `, '')}`;
  });
  problems.push(...unreadable, ...unknownVariables(env, known));
  // An unset secret in a deployment must not start an empty database of its own beside the real one.
  if (env.DATABASE_URL === '') problems.push('DATABASE_URL: is empty; give a postgres:// URL, or unset it for the embedded server');
  for (const name of ['DATABASE_INGEST_URL', 'DATABASE_READ_URL', 'DATABASE_RUN_URL'] as const) {
    if (env[name] === '') problems.push(`${name}: is empty, and the rights of DATABASE_URL would be used; give a postgres:// URL, or unset it if that is what you want`);
    if (settings[name] !== undefined && settings.DATABASE_URL === undefined) problems.push(`${name}: the embedded server has logins of its own; give DATABASE_URL too, or unset it`);
  }
  if (settings.INGOT_READ_POOL_MIN > settings.INGOT_READ_POOL_MAX) {
    problems.push(`INGOT_READ_POOL_MIN=${settings.INGOT_READ_POOL_MIN}: must not be greater than INGOT_READ_POOL_MAX=${settings.INGOT_READ_POOL_MAX}`);
  }
  if (settings.INGOT_REQUEST_TIMEOUT_SECONDS < settings.INGOT_HEADERS_TIMEOUT_SECONDS) {
    problems.push(`INGOT_REQUEST_TIMEOUT_SECONDS=${settings.INGOT_REQUEST_TIMEOUT_SECONDS}: the headers are part of the request (INGOT_HEADERS_TIMEOUT_SECONDS=${settings.INGOT_HEADERS_TIMEOUT_SECONDS})`);
  }
  if (settings.INGOT_QUEUE_LIMIT_BYTES < settings.INGOT_BODY_LIMIT_BYTES) {
    problems.push(`INGOT_QUEUE_LIMIT_BYTES=${settings.INGOT_QUEUE_LIMIT_BYTES}: must hold at least one body (INGOT_BODY_LIMIT_BYTES=${settings.INGOT_BODY_LIMIT_BYTES})`);
  }
  problems.push(...incompleteTokens(settings));
  if (settings.INGOT_ROLE === 'api' && settings.DATABASE_URL === undefined) {
    problems.push('INGOT_ROLE="api": leaves the runs to other processes, and only this one uses the embedded server; set DATABASE_URL');
  }
  if (problems.length > 0) throw new ConfigError(problems);

  const embedded = settings.DATABASE_URL === undefined;
  return Object.freeze({
    ...settings,
    embedded,
    INGOT_APPLY: settings.INGOT_APPLY ?? (embedded ? 'auto' : 'manual'),
    // Behind a proxy on the same machine a loopback address serves the network.
    INGOT_AUTH: settings.INGOT_AUTH ?? (LOOPBACK.test(settings.HOST) && settings.INGOT_TRUST_PROXY === undefined ? 'off' : 'required'),
    servesNetwork: !LOOPBACK.test(settings.HOST) || settings.INGOT_TRUST_PROXY !== undefined,
  });
}

/** Tokens are checked against an issuer, an audience and keys, or not taken at all. */
function incompleteTokens(settings: Settings): string[] {
  const { INGOT_JWT_ISSUER: issuer, INGOT_JWT_AUDIENCE: audience, INGOT_JWT_JWKS: jwks } = settings;
  const given = { INGOT_JWT_ISSUER: issuer, INGOT_JWT_AUDIENCE: audience, INGOT_JWT_JWKS: jwks };
  const missing = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [name] : []));
  const problems = missing.length > 0 && missing.length < 3 ? [`${missing.join(', ')}: must be given too, for tokens to be checked`] : [];
  const host = jwks === undefined ? undefined : /^http:\/\/(\[[^\]]*\]|[^/:?#]*)/i.exec(jwks)?.[1];
  if (host !== undefined && !LOOPBACK.test(host)) problems.push('INGOT_JWT_JWKS: must be an https:// URL or a file: who can change the keys on their way can make any token');
  return problems;
}

/** A misspelt variable would be ignored in silence; every INGOT_ name that means nothing is an error. */
function unknownVariables(env: Record<string, string | undefined>, known: string[]): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('INGOT_') && !name.startsWith('INGOT_TEST_') && !known.includes(name))
    .map((name) => `${name}: unknown variable; known are ${known.filter((k) => k.startsWith('INGOT_')).join(', ')}`);
}

/** Every variable with its value, passwords and keys hidden. */
export function plainConfig(config: Config): Record<string, string | number> {
  const settings = Object.entries(config).filter(([name, value]) => name !== 'embedded' && name !== 'servesNetwork' && value !== undefined) as [string, string | number][];
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

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from './config.js';
import { Settings } from './settings.js';

/** Each variable with its default as text; those without a default are the empty string. */
const defaults = new Map<string, string>([
  ...['DATABASE_URL', 'DATABASE_INGEST_URL', 'DATABASE_READ_URL', 'DATABASE_RUN_URL', 'INGOT_ALLOW_UNSAFE_DURABILITY', 'INGOT_APPLY', 'INGOT_ARCHIVE_DIR', 'INGOT_AUTH', 'INGOT_TRUST_PROXY', 'INGOT_JWT_ISSUER', 'INGOT_JWT_AUDIENCE', 'INGOT_JWT_JWKS', 'INGOT_SPOOL_DIR', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS'].map((name) => [name, ''] as const),
  ...Object.entries(new Settings()).map(([name, value]) => [name, String(value)] as const),
]);

describe('the documentation of the configuration', () => {
  it('README.md lists every variable with its default, and no other', () => {
    const rows = readFileSync('README.md', 'utf8').matchAll(/^\| (`[A-Z][A-Z_`, ]*`) \|([^|]*)\|/gm);
    const documented = new Map<string, string>();
    for (const [, names = '', values = ''] of rows) {
      const given = values.split(', ').map((value) => /^`([^`]*)`$/.exec(value.trim())?.[1] ?? '');
      for (const [i, name] of names.split(', ').entries()) documented.set(name.replaceAll('`', ''), given[i] ?? '');
    }
    expect([...documented].sort()).toEqual([...defaults].sort());
  });

  it('.env.example gives every variable its default', () => {
    const lines = readFileSync('.env.example', 'utf8').matchAll(/^(# )?([A-Z_]+)=(.*)$/gm);
    const given = new Map([...lines].map(([, comment, name = '', value = '']) => [name, comment === undefined ? value : '']));
    expect([...given].sort()).toEqual([...defaults].sort());
  });

  it('the defaults are valid', () => {
    expect(() => loadConfig(Object.fromEntries([...defaults].filter(([, value]) => value !== '')))).not.toThrow();
  });
});

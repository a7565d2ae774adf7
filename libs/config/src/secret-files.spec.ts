import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ConfigError, describeConfig, loadConfig } from './config.js';

describe('a variable whose value stands in a file', () => {
  let folder: string;
  let file: (name: string, text: string) => string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-secrets-'));
    file = (name, text) => {
      writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const problems = (env: Record<string, string>): readonly string[] => {
    try {
      loadConfig(env);
      return [];
    } catch (error) {
      return (error as ConfigError).problems;
    }
  };

  it('is as good as one in the environment, with or without a line end', () => {
    const config = loadConfig({ DATABASE_URL_FILE: file('url', 'postgres://ingot:secret@db/ingot\n'), OTEL_EXPORTER_OTLP_HEADERS_FILE: file('headers', 'key=secret') });
    expect([config.DATABASE_URL, config.OTEL_EXPORTER_OTLP_HEADERS, config.embedded]).toEqual(['postgres://ingot:secret@db/ingot', 'key=secret', false]);
    expect(describeConfig(config)).not.toContain('secret');
  });

  it('an empty name of a file is none', () => {
    expect(loadConfig({ DATABASE_URL_FILE: '', DATABASE_URL: 'postgres://db/ingot' }).DATABASE_URL).toBe('postgres://db/ingot');
  });

  it('stops the start when it is unclear, missing or empty, and never starts an embedded server instead', () => {
    expect(problems({ DATABASE_URL: 'postgres://db/ingot', DATABASE_URL_FILE: file('url', 'postgres://db/ingot') })).toEqual(['DATABASE_URL_FILE: DATABASE_URL is set too; give one of them']);
    expect(problems({ DATABASE_URL_FILE: path.join(folder, 'none') })).toEqual([`DATABASE_URL_FILE=${JSON.stringify(path.join(folder, 'none'))}: cannot be read (ENOENT)`]);
    expect(problems({ DATABASE_URL_FILE: file('empty', '\n') })).toEqual([expect.stringMatching(/^DATABASE_URL_FILE=.*: is empty$/)]);
  });

  it('shows nothing of a value that is wrong', () => {
    expect(problems({ DATABASE_URL_FILE: file('wrong', 'mysql://root:secret@db') })).toEqual(['DATABASE_URL: must be a postgres:// URL']);
  });

  it('is for secrets only', () => {
    expect(problems({ INGOT_ROLE_FILE: file('role', 'api') })).toEqual([expect.stringMatching(/^INGOT_ROLE_FILE: unknown variable/)]);
  });
});

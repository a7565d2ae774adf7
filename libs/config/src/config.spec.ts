import { describe, expect, it } from '@jest/globals';
import { type ConfigError, describeConfig, loadConfig } from './config.js';

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(env);
  } catch (error) {
    return (error as ConfigError).problems;
  }
  return [];
};

describe('loadConfig', () => {
  it('defaults to an embedded server on loopback that applies by itself', () => {
    expect(loadConfig({})).toMatchObject({ HOST: '127.0.0.1', PORT: 3000, embedded: true, INGOT_APPLY: 'auto', INGOT_AUTH: 'off' });
  });

  it('applies by hand on a server of its own, unless told otherwise', () => {
    expect(loadConfig({ DATABASE_URL: 'postgres://h/d' })).toMatchObject({ embedded: false, INGOT_APPLY: 'manual' });
    expect(loadConfig({ DATABASE_URL: 'postgres://h/d', INGOT_APPLY: 'auto' }).INGOT_APPLY).toBe('auto');
  });

  it('leaves the runs to others only where there can be others', () => {
    expect(problemsOf({ INGOT_ROLE: 'api' })).toEqual(['INGOT_ROLE="api": leaves the runs to other processes, and only this one uses the embedded server; set DATABASE_URL']);
    expect(loadConfig({ INGOT_ROLE: 'api', DATABASE_URL: 'postgres://h/d' }).INGOT_ROLE).toBe('api');
    expect(loadConfig({ INGOT_ROLE: 'transform' }).INGOT_ROLE).toBe('transform');
  });

  it('is frozen', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true);
  });

  it('reads numbers as numbers and an empty value as absent', () => {
    expect(loadConfig({ PORT: '8080', INGOT_LOG_LEVEL: '' })).toMatchObject({ PORT: 8080, INGOT_LOG_LEVEL: 'info' });
  });

  it('names every wrong variable at once', () => {
    const problems = problemsOf({ PORT: 'eighty', INGOT_APPLY: 'sometimes', INGOT_READ_POOL_MIN: '20' });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).toMatch(/PORT="eighty": .*\nINGOT_APPLY="sometimes": .*auto, manual.*\nINGOT_READ_POOL_MIN=20: /);
  });

  it('says only that it is no number of a value that is none', () => {
    expect(problemsOf({ PORT: 'abc' })).toEqual(['PORT="abc": must be an integer number']);
  });

  it('takes an empty DATABASE_URL for a mistake, not for the embedded server', () => {
    expect(problemsOf({ DATABASE_URL: '' })).toEqual(['DATABASE_URL: is empty; give a postgres:// URL, or unset it for the embedded server']);
  });

  it.each([['1.5'], ['-1'], ['65536'], ['0x50'], ['1e3'], ['80 ']])('refuses PORT=%s', (port) => {
    expect(problemsOf({ PORT: port })).toHaveLength(1);
  });

  it('refuses a misspelt variable instead of ignoring it', () => {
    expect(problemsOf({ INGOT_DATADIR: 'x' })[0]).toMatch(/^INGOT_DATADIR: unknown variable/);
  });

  it('never prints the password of a wrong or right URL', () => {
    expect(problemsOf({ DATABASE_URL: 'mysql://u:secret@h/d' }).join()).not.toContain('secret');
    expect(describeConfig(loadConfig({ DATABASE_URL: 'postgres://u:secret@h/d' }))).not.toContain('secret');
  });

  it('never prints the key of a trace collector', () => {
    expect(problemsOf({ OTEL_EXPORTER_OTLP_HEADERS: 'secret', OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://u:secret@h' })).toEqual([
      'OTEL_EXPORTER_OTLP_ENDPOINT: must be an http:// or https:// URL without a query',
      'OTEL_EXPORTER_OTLP_HEADERS: must be name=value pairs with commas between them',
    ]);
    expect(describeConfig(loadConfig({ OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:secret@h:4318' }))).not.toContain('secret');
  });

  it('reads a share', () => {
    expect(loadConfig({ OTEL_TRACES_SAMPLER_ARG: '0.25' }).OTEL_TRACES_SAMPLER_ARG).toBe(0.25);
    for (const wrong of ['1.5', '-0.1', '1e-1', 'a']) expect(problemsOf({ OTEL_TRACES_SAMPLER_ARG: wrong })).toHaveLength(1);
  });

  it('serves the network without authentication only on purpose', () => {
    expect(loadConfig({ HOST: '0.0.0.0' })).toMatchObject({ INGOT_AUTH: 'required', servesNetwork: true });
    expect(loadConfig({ INGOT_TRUST_PROXY: '127.0.0.1' })).toMatchObject({ HOST: '127.0.0.1', INGOT_AUTH: 'required', servesNetwork: true });
    expect(loadConfig({ HOST: '0.0.0.0', INGOT_AUTH: 'off' })).toMatchObject({ INGOT_AUTH: 'off', servesNetwork: true });
    expect(loadConfig({ HOST: '::1' }).HOST).toBe('::1');
  });
});

import { describe, expect, it } from '@jest/globals';
import { holdsSecret, redactSecrets } from './redact.js';

const KEY = `ingot_${'0aZ'.repeat(16)}9`;
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl';

describe('redactSecrets', () => {
  it.each([
    ['cannot reach postgres://ingot:hunter2@db:5432/ingot', 'cannot reach postgres://ingot:***@db:5432/ingot'],
    ['postgresql://u:p@ss@h/d', 'postgresql://u:***@h/d'],
    ['postgres://h/d?user=u&password=hunter2&x=1', 'postgres://h/d?user=u&password=***&x=1'],
    ["host=h password='two words' user=u", 'host=h password=*** user=u'],
    ['GET /data?from=2022-01-01&api_key=abc123&to=x', 'GET /data?from=2022-01-01&api_key=***&to=x'],
    ['/data?access_token=abc', '/data?access_token=***'],
    [`There is no route GET /${KEY}.`, 'There is no route GET /ingot_***.'],
    [`"${KEY.slice(0, 40)}"`, '"ingot_***"'],
    [`{"authorization":"Bearer ${KEY}"}`, '{"authorization":"Bearer ***"}'],
    ['Authorization: Basic dXNlcjpodW50ZXIyaHVudGVy', 'Authorization: Basic ***'],
    [`cookie: session=${TOKEN}; a=b`, 'cookie: session=eyJ***; a=b'],
    [`{"url":"/x?token=${TOKEN}"}`, '{"url":"/x?token=***"}'],
  ])('%s', (text, redacted) => {
    expect(redactSecrets(text)).toBe(redacted);
    expect(holdsSecret(text)).toBe(true);
  });

  it.each([
    'bronze.raw_readings',
    'http://127.0.0.1:3000/data?from=2022-04-14&to=2022-04-15',
    'postgres://db/ingot',
    'the role ingot_login_ingest may not',
    'Idempotency-Key: k5',
    'Basic authentication without a user name',
    '{"time":"2026-11-21T12:37:05.000Z","url":"http://127.0.0.1:4318/v1/traces","name":"user@example.com"}',
  ])('leaves %s', (text) => expect(redactSecrets(text)).toBe(text));

  it('stays a JSON document', () => {
    const line = JSON.stringify({ err: { message: 'no "postgres://u:a\\b@h/d"' }, url: `/x?key=${KEY}`, password: 'password=x' });
    expect(JSON.parse(redactSecrets(line))).toMatchObject({ url: '/x?key=***', password: 'password=***' });
  });

  it('costs what the length costs, whatever a client repeats', () => {
    const began = process.cpuUsage(); // not the clock: others may use the processor too
    for (const piece of ['eyJ', '-eyJ', 'key=', "key='", 'a://b:', 'bearer ', 'ingot_']) redactSecrets(piece.repeat(2_000_000 / piece.length));
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2_000); // 0.1 s; 8 s where each `-eyJ` is read on for 2,048 characters
  });
});

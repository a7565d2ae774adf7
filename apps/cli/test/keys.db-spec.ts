import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli, type CommandLineTerms } from './command-line.js';

interface KeyAnswer {
  key?: string;
  id: number;
  name: string;
  prefix: string | null;
  sha256: string;
  expires_at: string | null;
  state: string;
  replaced?: KeyAnswer[];
}

let db: TestDatabase;
let terms: CommandLineTerms;
beforeAll(async () => {
  db = await createTestDatabase();
  terms = { databaseUrl: db.url };
});
afterAll(() => db.drop());

const keys = (...args: string[]) => runCli(['keys', ...args], terms);
const made = async (...args: string[]) => jsonOf<KeyAnswer>(await keys(...args, '--json'));
const hoursUntil = (time: string | null): number => Math.round((Date.parse(time ?? '') - Date.now()) / 3_600_000);

describe('ingot keys', () => {
  it('says what to do where there is none', async () => {
    expect(await keys('ls')).toMatchObject({ code: 0, stdout: 'no keys; `ingot keys create` makes one\n' });
  });

  it('makes a key, shows it once and alone on stdout, and keeps its SHA-256 only', async () => {
    const { code, stdout, stderr } = await keys('create', '--device', 'pump 7', '--scope', 'ingest', '--scope', 'read:own', '--expires', '90d', '--lines-per-second', '500', '--bytes-per-day', '1GB');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ingot_[0-9A-Za-z]{49}\n$/)]);
    expect(stderr).toMatch(/(^|\n)key 1 pump-7: ingest, read:own as pump 7, good until [\d: -]+ UTC\nIt is shown this once/);
    const text = stdout.trim();
    const [row] = await db.query<{ kept: string; digest: string; days: number }>(`select to_jsonb(k)::text as kept, encode(digest, 'hex') as digest, (expires_at::date - created_at::date) as days from ingot.api_keys as k`);
    expect(row).toMatchObject({ digest: createHash('sha256').update(text).digest('hex'), days: 90 });
    expect(row?.kept).not.toContain(text.slice(12));
    const listed = await keys('ls');
    expect(listed.stdout).toContain(text.slice(0, 12));
    expect(listed.stdout).not.toContain(text.slice(0, 13));
    expect(listed.stdout).toContain('500 lines/s, 1,000,000,000 bytes/day');
  });

  it('rotates: the new key is as the old one, which stays good for the overlap', async () => {
    const renewed = await made('rotate', 'pump-7', '--overlap', '2h');
    expect(renewed).toMatchObject({ name: 'pump-7', state: 'live', device: 'pump 7', scopes: ['ingest', 'read:own'], lines_per_second: 500, bytes_per_day: 1e9 });
    expect(renewed.replaced).toMatchObject([{ id: 1, state: 'live' }]);
    expect([hoursUntil(renewed.replaced![0]!.expires_at), hoursUntil(renewed.expires_at)]).toEqual([2, 2160]);
    // A second rotation ends the oldest no later, and the middle one after its own overlap.
    const again = await made('rotate', String(renewed.id), '--overlap', '24h', '--expires', '1h');
    expect(again.replaced!.map(({ id, expires_at }) => [id, hoursUntil(expires_at)]).sort()).toEqual([[1, 2], [renewed.id, 24]]);
    expect(hoursUntil(again.expires_at)).toBe(1);
    expect((await made('rotate', 'pump-7', '--overlap', '0m')).replaced!.every(({ state }) => state === 'expired')).toBe(true);
  });

  it('refuses a name that is in use, with the way out', async () => {
    expect(await keys('create', '--name', 'pump-7', '--scope', 'ingest')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('`ingot keys rotate pump-7`') as unknown });
    const both = await Promise.all([keys('create', '--name', 'race', '--scope', 'ingest'), keys('create', '--name', 'race', '--scope', 'ingest')]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
  });

  it('revokes by name, id or beginning, for good', async () => {
    const text = (await made('create', '--name', 'a', '--scope', 'admin')).key!;
    expect(await keys('revoke', text.slice(0, 12))).toMatchObject({ code: 0, stdout: expect.stringMatching(/^key \d+ a is revoked\n$/) as unknown });
    expect(await keys('revoke', 'a')).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no key a that is not revoked') as unknown });
    expect((await keys('rotate', 'a')).code).toBe(1);
    // The whole key is taken too, and not said again.
    const other = (await made('create', '--name', 'b', '--scope', 'ingest')).key!;
    expect((await keys('revoke', other)).code).toBe(0);
    expect((await keys('revoke', other)).stderr).not.toContain(other);
    const all = jsonOf<{ keys: KeyAnswer[] }>(await keys('ls', '--all', '--json')).keys;
    expect(all.filter(({ name }) => name === 'a' || name === 'b').map(({ state }) => state)).toEqual(['revoked', 'revoked']);
    expect(jsonOf<{ keys: KeyAnswer[] }>(await keys('ls', '--json')).keys.every(({ state }) => state === 'live')).toBe(true);
  });

  it('stores a key that was made elsewhere by its SHA-256', async () => {
    const elsewhere = jsonOf<{ key: string; sha256: string }>(await runCli(['keys', 'make', '--json']));
    const stored = await keys('create', '--name', 'elsewhere', '--scope', 'read:all', '--sha256', elsewhere.sha256);
    expect(stored).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/(^|\n)key \d+ elsewhere: read:all\n$/) as unknown });
    expect((await keys('ls')).stdout).toContain(`sha256 ${elsewhere.sha256.slice(0, 12)}…`);
    expect(await keys('create', '--name', 'twice', '--scope', 'read:all', '--sha256', elsewhere.sha256)).toMatchObject({ code: 1, stderr: expect.stringContaining('SHA-256 is there already') as unknown });
  });

  it.each([
    [['create', '--name', 'x'], 'say what the key may do'],
    [['create', '--scope', 'ingest'], 'say what the key is called'],
    [['create', '--scope', 'ingest', '--device', '12'], 'say what the key is called'],
    [['create', '--name', 'x', '--scope', 'read:own'], 'say which by --device'],
    [['create', '--device', 'x', '--scope', 'admin'], 'leave out one of the two'],
    [['create', '--name', 'x', '--scope', 'write'], 'Scopes are ingest, read:own, read:all, admin'],
    [['create', '--name', '1', '--scope', 'ingest'], 'and not a number'],
    [['create', '--device', 'ä', '--scope', 'ingest'], 'printable ASCII'],
    [['create', '--name', 'x', '--scope', 'ingest', '--expires', '90'], '30m, 24h or 90d'],
    [['create', '--name', 'x', '--scope', 'ingest', '--bytes-per-day', '1 XB'], '500MB'],
    [['create', '--name', 'x', '--scope', 'ingest', '--sha256', 'abc'], '64 hexadecimal digits'],
  ])('says 2 to %j', async (args, said) => {
    expect(await keys(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(said) as unknown });
  });
});

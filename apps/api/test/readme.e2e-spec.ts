import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const FIXTURES = path.resolve('apps/api/test/fixtures/sensor');
const fixture = (name: string): string => readFileSync(path.join(FIXTURES, name), 'utf8');

interface Item {
  time: string;
  name: string;
  value: number;
}

/** The command lines of README.md with the answer block under each. */
function readmeExamples(): { command: string; answer: string }[] {
  const blocks = readFileSync('README.md', 'utf8').matchAll(/```sh\n(curl [^`]*?)\n```\n```json\n([^`]*?)\n```/g);
  return [...blocks].map(([, command = '', answer = '']) => ({ command, answer }));
}

/** Sends what curl would: `--data-binary $'...'` as a form-typed POST, else a GET. */
async function runCurl(command: string, url: string): Promise<string> {
  const target = /'?(http:\/\/127\.0\.0\.1:3000[^' ]*)'?$/.exec(command)?.[1] ?? '';
  const data = /--data-binary \$'([^']*)'/.exec(command)?.[1];
  const answer = await fetch(
    target.replace('http://127.0.0.1:3000', url),
    data === undefined ? {} : { method: 'POST', body: data.replaceAll('\\n', '\n'), headers: { 'content-type': 'application/x-www-form-urlencoded' } },
  );
  return answer.text();
}

describe('the examples everybody tries first', () => {
  let database: TestDatabase;
  let service: RunningService;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it("README's curl in answers exactly success, its curl out exactly expected_data.json, values and order", async () => {
    const [curlIn, curlOut] = readmeExamples();
    expect(await runCurl(curlIn?.command ?? '', service.url)).toBe(curlIn?.answer);

    const answer = await runCurl(curlOut?.command ?? '', service.url);
    expect(JSON.parse(answer)).toEqual(JSON.parse(fixture('expected_data.json')));
    expect(answer).toBe(curlOut?.answer);
  });

  it('each further curl answers exactly what README shows under it', async () => {
    const [, , ...further] = readmeExamples();
    expect(further.length).toBeGreaterThan(0);
    for (const { command, answer } of further) expect([command, await runCurl(command, service.url)]).toEqual([command, answer]);
  });

  it('the lines posted are those of assignment_sample.txt', () => {
    expect(readmeExamples()[0]?.command).toContain(`$'${fixture('assignment_sample.txt').trimEnd().replaceAll('\n', '\\n')}'`);
  });

  it('the header of a page is the one README shows, and leads to the rest', async () => {
    const [, target = '', shown = ''] = /```sh\ncurl -sD - -o \/dev\/null '([^']*)' \| grep -i '\^link'\n```\n```http\n(link: [^\n]*)\n```/.exec(readFileSync('README.md', 'utf8')) ?? [];
    const page = await fetch(target.replace('http://127.0.0.1:3000', service.url));
    const link = page.headers.get('link') ?? '';
    expect(`link: ${link.replace(/cursor=[\w-]+/, 'cursor=...')}`).toBe(shown);
    const rest = await fetch(`${service.url}${/<(.*)>/.exec(link)?.[1] ?? ''}&limit=1000`.replace('limit=2&', ''));
    expect([...((await page.json()) as Item[]), ...((await rest.json()) as Item[])]).toEqual(JSON.parse(fixture('expected_data.json')));
  });

  it('the eight-day file gives its expected Power', async () => {
    const posted = await fetch(`${service.url}/data`, { method: 'POST', body: fixture('eight_days.txt') });
    expect(posted.status).toBe(200);
    const answer = await fetch(`${service.url}/data?from=2030-05-01&to=2030-05-08&name=Power`);
    const power = new Map(((await answer.json()) as Item[]).map((item) => [item.time, item.value]));

    const expected = JSON.parse(fixture('expected_power_eight_days.json')) as { day: string; Power: number | null }[];
    const days = expected.filter((day) => day.Power !== null).map((day) => [`${day.day}T00:00:00.000Z`, day.Power] as const);
    expect(power).toEqual(new Map(days));
  });
});

describe('the model that README adds', () => {
  it('is applied by the next start and reads what was posted', async () => {
    const [, file = '', sql = ''] = /Save this as `(sql\/[^`]+)`:\n\n```sql\n([^`]*)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
    const folder = mkdtempSync(path.join(tmpdir(), 'ingot readme-'));
    cpSync('sql', path.join(folder, 'sql'), { recursive: true });
    writeFileSync(path.join(folder, file), sql);
    const database = await createTestDatabase();
    const service = await startService(database.url, { INGOT_SQL_DIR: path.join(folder, 'sql') });
    await fetch(`${service.url}/data`, { method: 'POST', body: fixture('assignment_sample.txt') });
    await fetch(`${service.url}/data?from=2022-04-14&to=2022-04-14`); // waits until it is transformed
    const relation = file.replace('sql/sensor/', '').replace('/', '.').replace('.sql', '');
    const rows = await database.query(`select device, hour, lowest, highest from ${relation}`);
    expect(rows).toEqual([{ device: 'default', hour: new Date('2022-04-14T13:00:00Z'), lowest: 1.34, highest: 1.35 }]);
    await service.stop();
    await database.drop();
    rmSync(folder, { recursive: true });
  });
});

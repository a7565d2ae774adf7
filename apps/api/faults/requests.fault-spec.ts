import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import { afterAll, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import { START_MS, sized } from './options.js';
import { post, type Answer } from './post.js';
import { faultCase, notRun } from './record.js';
import { Stage } from './stage.js';

let cluster: TestCluster;
let stage: Stage;
beforeAll(async () => {
  cluster = await startTestCluster();
  stage = await Stage.open({ cluster });
  await stage.serve();
}, START_MS);
afterAll(async () => {
  await stage.close();
  await cluster.stop();
});

const lines = async (): Promise<number> => (await stage.query<{ n: number }>('select count(*)::int as n from bronze.raw_readings'))[0]?.n ?? -1;
const send = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> => post(`${stage.url}/data`, body, { 'x-device-id': 'requests', ...headers });

describe('requests that should not be', () => {
  let before: number;
  beforeEach(async () => {
    before = await lines();
  });

  faultCase('12: the same batch ten times at once under one key; the key with another body; without a key', async (record, random) => {
    for (; record.rounds < sized(5, 100); record.rounds++) {
      const body = Array.from({ length: random.between(1, 50) }, () => `1893456000 Voltage ${stage.ledger.nextValue()}`);
      const key = { 'idempotency-key': `twelve-${record.rounds}` };
      const request = stage.ledger.sending('requests', body);
      const answers = await Promise.all(Array.from({ length: 10 }, () => send(body.join('\n'), key)));
      expect(answers.filter(({ status }) => ![200, 409].includes(status))).toEqual([]);
      expect(answers.filter(({ status, headers }) => status === 200 && headers['idempotency-replayed'] === undefined)).toHaveLength(1);
      stage.ledger.told(request, 'acknowledged');
      expect((await send('1893456000 Voltage 0', key)).status).toBe(422);
    }
    await stage.judge(record); // before the other cases of this file, which keep no ledger
    before = await lines();
    const copies = await Promise.all(Array.from({ length: 10 }, () => send('1893456000 Copies 1', { 'x-device-id': 'copies' })));
    expect([copies.map(({ status }) => status), (await lines()) - before]).toEqual([Array(10).fill(200), 10]);
  });

  faultCase('13: a bad line in a good batch', async (record) => {
    for (const [name, line, code] of BAD_LINES) {
      const good = Array.from({ length: 20 }, (_, i) => Buffer.from(`1893456000 Good ${i}`));
      const place = 1 + (record.rounds % 20);
      const body = Buffer.concat([...good.slice(0, place - 1), line, ...good.slice(place)].flatMap((each) => [each, Buffer.from('\n')]));
      const answer = await send(body);
      const told = JSON.parse(answer.text) as { type: string; errors?: { line: number; code: string }[] };
      expect([name, answer.status, told.errors?.map((each) => `${each.line} ${each.code}`) ?? told.type]).toEqual([name, 400, code === undefined ? '/docs/errors#invalid-body' : [`${place} ${code}`]]);
      record.rounds++;
    }
    expect(await lines()).toBe(before);
    stage.expectWell(record);
  });

  const CURL = '14: curl -d @file, no last line end, CRLF, an empty body';
  if (spawnSync('curl', ['--version']).status !== 0) notRun(CURL, 'needs curl');
  else {
    faultCase(CURL, async (record) => {
      const file = path.join(stage.folder, 'lines.txt');
      const curl = async (text: string, how: string): Promise<{ status: number; answer: string }> => {
        writeFileSync(file, text);
        const { stdout } = await promisify(execFile)('curl', ['-s', '-w', '\n%{http_code}', how, `@${file}`, '-H', 'X-Device-Id: curl', `${stage.url}/data`]);
        const [answer = '', status] = stdout.split(/\n(?=\d+$)/);
        record.rounds++;
        return { status: Number(status), answer };
      };
      expect(await curl('1893456000 Voltage 1\n1893456000 Current 2\n', '-d')).toMatchObject({ status: 400, answer: expect.stringContaining('--data-binary') as unknown });
      expect(await curl('', '--data-binary')).toMatchObject({ status: 400 });
      expect(await lines()).toBe(before);
      expect(await curl('1893456000 Voltage 1\n1893456000 Current 2', '--data-binary')).toEqual({ status: 200, answer: '{"success":true}' });
      expect(await curl('1893456000 Voltage 3\r\n1893456000 Current 4\r\n', '--data-binary')).toEqual({ status: 200, answer: '{"success":true}' });
      expect(await stage.query(`select line from bronze.raw_readings where device = 'curl' order by line`)).toEqual(['Current 2', 'Current 4', 'Voltage 1', 'Voltage 3'].map((line) => ({ line: `1893456000 ${line}` })));
    });
  }
});

/** What, its bytes, and the code of its fault; undefined: the body as a whole is no text. */
const BAD_LINES: readonly [string, Buffer, string | undefined][] = [
  ['a NUL byte', Buffer.from('1893456000 Bad\0 1'), undefined],
  ['bytes that are no UTF-8', Buffer.concat([Buffer.from('1893456000 B'), Buffer.from([0xff, 0xfe]), Buffer.from(' 1')]), undefined],
  ['a byte order mark', Buffer.from('\uFEFF1893456000 Bad 1'), 'byte-order-mark'],
  ['a lone carriage return', Buffer.from('1893456000 Bad 1\r1893456000 Bad 2'), 'lone-carriage-return'],
  ['a megabyte', Buffer.from(`1893456000 Bad 1${'0'.repeat(1_048_576)}`), 'line-too-long'],
  ['a timestamp of 1e30', Buffer.from('1e30 Bad 1'), 'invalid-timestamp'],
  ['a timestamp of thirty digits', Buffer.from(`1${'0'.repeat(30)} Bad 1`), 'timestamp-out-of-range'],
  ['a timestamp before 1970', Buffer.from('-1 Bad 1'), 'invalid-timestamp'],
  ['NaN', Buffer.from('1893456000 Bad NaN'), 'not-finite'],
  ['Infinity', Buffer.from('1893456000 Bad Infinity'), 'not-finite'],
  ['1e400', Buffer.from('1893456000 Bad 1e400'), 'overflow'],
  ['a decimal comma', Buffer.from('1893456000 Bad 1,34'), 'decimal-comma'],
  ['hexadecimal', Buffer.from('1893456000 Bad 0x10'), 'hexadecimal'],
  ['no value', Buffer.from('1893456000 Bad'), 'missing-field'],
];

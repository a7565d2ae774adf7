import { startTestCluster, type TestCluster } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { abortEverywhere } from '../test/attacks/aborts.js';
import { bombs } from '../test/attacks/bombs.js';
import { openSlowClients } from '../test/attacks/slow-clients.js';
import { SMUGGLED_LINE, SMUGGLING, smuggle } from '../test/attacks/smuggling.js';
import { START_MS, patience, sized } from './options.js';
import { post } from './post.js';
import { faultCase, notRun } from './record.js';
import { peakMegabytes, Stage } from './stage.js';

const BODY_LIMIT = 4 << 20;
const TIMEOUT_SECONDS = 4;

let cluster: TestCluster;
let stage: Stage;
beforeAll(async () => {
  cluster = await startTestCluster();
  stage = await Stage.open({ cluster });
  await stage.serve({ INGOT_BODY_LIMIT_BYTES: String(BODY_LIMIT), INGOT_HEADERS_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS), INGOT_REQUEST_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) });
}, START_MS);
afterAll(async () => {
  await stage.close();
  await cluster.stop();
});

const storedOf = async (device: string): Promise<number> => (await stage.query<{ n: number }>('select count(*)::int as n from bronze.raw_readings where device = $1', [device]))[0]?.n ?? -1;

describe('clients that mean no good', () => {
  faultCase('15: bodies over the limit, gzip bombs, damaged and unknown codings', async (record) => {
    const before = peakMegabytes(stage.service?.process.pid) ?? 0;
    let stored = 0;
    for (let i = 0; i < sized(1, 10); i++) {
      for (const { name, body, encoding, status } of bombs(BODY_LIMIT)) {
        const answer = await post(`${stage.url}/data`, body, { 'content-encoding': encoding, 'x-device-id': 'bombs' });
        expect([name, answer.status, answer.text]).toEqual([name, status, answer.text]);
        if (status === 200) stored += 200;
        record.rounds++;
      }
      // An honest length: refused before it is read, so that the rest of it may meet a closed connection.
      const over = await post(`${stage.url}/data`, Buffer.alloc(BODY_LIMIT + 1, '1 a 1\n'), { 'x-device-id': 'bombs' }).then(({ status }) => status, () => 413);
      expect(over).toBe(413);
    }
    expect(await storedOf('bombs')).toBe(stored);
    const growth = (peakMegabytes(stage.service?.process.pid) ?? 0) - before;
    record.note(`memory grew by ${growth} MB, the limit of a body is ${BODY_LIMIT >> 20} MB`);
    stage.expectWell(record);
  });

  faultCase('16: slowloris: connections that never finish what they begin', async (record, random) => {
    const count = sized(300, 1_000);
    const p99 = async (): Promise<number> => {
      const load = stage.load(random);
      await load.untilAcknowledged(200, patience(20_000));
      await load.stop();
      expect(load.seen.filter(({ status }) => status !== 200)).toEqual([]); // the good are served
      const times = load.seen.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
      return times[Math.floor(times.length * 0.99)] ?? 0;
    };
    const calm = await p99();
    const slow = await openSlowClients(stage.url, count);
    const since = performance.now();
    try {
      const beside = await p99();
      record.note(`p99 of good clients ${Math.round(calm)} ms without, ${Math.round(beside)} ms beside ${count} slow ones`);
      const limit = patience(30_000);
      const left = setTimeout(() => slow.close(), limit);
      await slow.allEnded;
      clearTimeout(left);
      expect(performance.now() - since).toBeLessThan(limit); // by the service, not by us
      record.note(`all slow ones dropped after ${Math.round((performance.now() - since) / 1_000)} s (limits ${TIMEOUT_SECONDS} s)`);
      record.rounds = count;
    } finally {
      slow.close();
    }
    stage.expectWell(record);
  }, 5);

  faultCase('17: request smuggling', async (record) => {
    for (; record.rounds < sized(1, 5); record.rounds++) expect(await smuggle(stage.url)).toEqual([]);
    const [hidden] = await stage.query<{ n: number }>('select count(*)::int as n from bronze.raw_readings where line = $1', [SMUGGLED_LINE]);
    expect(hidden).toEqual({ n: 0 });
    record.note(`${SMUGGLING.length} ways, each refused with one answer`);
    stage.expectWell(record);
  });
  notRun('17: request smuggling, behind nginx and haproxy', 'needs both; the service alone refuses every one');

  faultCase('18: clients that go away at each of 100 places of a body', async (record) => {
    const body = Buffer.from(Array.from({ length: 500 }, (_, i) => `1893456000 Aborted ${i}`).join('\n'));
    record.rounds = await abortEverywhere(stage.url, body, 'X-Device-Id: aborts\r\n', sized(100, 1_000));
    expect((await post(`${stage.url}/data`, body, { 'x-device-id': 'aborts' })).status).toBe(200);
    expect(await storedOf('aborts')).toBe(500); // the whole one, and nothing of the others
    stage.expectWell(record);
  });
});

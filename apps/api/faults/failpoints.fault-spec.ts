import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { openProxy, startTestCluster, type TestCluster } from '@ingot/testing';
import { Failpoint, type FlushPoint } from './failpoint.js';
import { START_MS, patience, sized } from './options.js';
import { post, toldBy, toldByError, type Answer } from './post.js';
import { faultCase } from './record.js';
import { Stage } from './stage.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, START_MS);
afterAll(() => cluster.stop());

/** What the database holds of the device. */
const linesOf = async (stage: Stage, device: string): Promise<number> =>
  (await stage.query<{ n: number }>('select count(*)::int as n from bronze.raw_readings where device = $1', [device]))[0]?.n ?? -1;

describe('the service dies at an exact point of a flush', () => {
  faultCase('2: dies before COMMIT, after COMMIT before the reply, after the reply', async (record) => {
    const failpoint = new Failpoint();
    const stage = await Stage.open({ cluster, watch: failpoint.watch });
    try {
      let service = await stage.serve();
      const points: readonly (FlushPoint | 'after the reply')[] = ['before COMMIT', 'after COMMIT', 'after the reply'];
      for (; record.rounds < sized(1, 10) * points.length; record.rounds++) {
        const point = points[record.rounds % points.length] ?? 'before COMMIT';
        const device = `round-${record.rounds}`;
        const body = Array.from({ length: 4 }, () => `1893456000 Voltage ${stage.ledger.nextValue()}`);
        const send = (): Promise<Answer> => post(`${stage.url}/data`, body.join('\n'), { 'x-device-id': device, 'idempotency-key': 'once' });
        const request = stage.ledger.sending(device, body);
        if (point === 'after the reply') {
          expect((await send()).status).toBe(200);
        } else {
          const reached = failpoint.arm(point, (reset) => {
            service.process.kill('SIGKILL');
            service.process.once('exit', reset);
          });
          await expect(send()).rejects.toThrow();
          await reached;
        }
        stage.ledger.told(request, point === 'after the reply' ? 'acknowledged' : 'unknown');
        await service.stop('SIGKILL');
        const since = performance.now();
        service = await stage.serve();
        expect([point, await linesOf(stage, device)]).toEqual([point, point === 'before COMMIT' ? 0 : 4]);
        await stage.recover(record, since);
        const retry = await send();
        expect([retry.status, retry.headers['idempotency-replayed']]).toEqual([200, point === 'before COMMIT' ? undefined : 'true']);
        stage.ledger.told(request, 'acknowledged');
        expect(await linesOf(stage, device)).toBe(4);
      }
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 10);
});

describe('an answer is lost', () => {
  faultCase('7: the connection to PostgreSQL is reset after COMMIT: the writer settles it', async (record, random) => {
    const failpoint = new Failpoint();
    const stage = await Stage.open({ cluster, watch: failpoint.watch });
    try {
      await stage.serve();
      const load = stage.load(random, { keyed: 'none' });
      for (; record.rounds < sized(6, 100); record.rounds++) {
        await load.untilAcknowledged(1, patience(5_000));
        await failpoint.arm(random.oneOf(['before COMMIT', 'after COMMIT']), (reset) => reset());
        const since = performance.now();
        await stage.recover(record, since);
      }
      await load.stop();
      expect(load.seen.filter(({ status }) => status !== 200)).toEqual([]); // settled and acknowledged, without a word to the client
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 10);

  faultCase('7: the reply is cut on its way to the client', async (record, random) => {
    const stage = await Stage.open({ cluster });
    try {
      await stage.serve();
      const front = await openProxy(`${stage.url}/`);
      for (; record.rounds < sized(8, 100); record.rounds++) {
        const device = `round-${record.rounds}`;
        const body = [`1893456000 Voltage ${stage.ledger.nextValue()}`, `1893456000 Current ${stage.ledger.nextValue()}`];
        const request = stage.ledger.sending(device, body);
        const send = (url: string): Promise<Answer> => post(new URL('/data', url).href, body.join('\n'), { 'x-device-id': device, 'idempotency-key': 'once' });
        front.answerBytes = random.between(0, 250);
        const cut = await send(front.url).then(toldBy, toldByError);
        stage.ledger.told(request, cut);
        const retry = await send(stage.url);
        expect([retry.status, retry.text, retry.headers['idempotency-replayed']]).toEqual([200, '{"success":true}', 'true']);
        stage.ledger.told(request, 'acknowledged');
      }
      await front.close();
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 10);
});

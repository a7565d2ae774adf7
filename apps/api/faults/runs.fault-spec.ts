import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@ingot/postgres';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { LaunchedService } from '../test/service.js';
import { START_MS, patience, sized } from './options.js';
import { post } from './post.js';
import { faultCase } from './record.js';
import { Stage } from './stage.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, START_MS);
afterAll(() => cluster.stop());

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const limit = patience(10_000);
  for (const end = performance.now() + limit; !(await holds()); await sleep(50)) if (performance.now() > end) throw new Error(`not within ${limit} ms: ${what}`);
}

const numberOf = async (stage: Stage, text: string): Promise<number> => Number((await stage.query<{ n: string }>(text))[0]?.n ?? -1);

describe('runs', () => {
  faultCase('20: a transaction that began first commits after a later one was modelled', async (record) => {
    const stage = await Stage.open({ cluster });
    const early = await connect({ url: stage.databaseUrl, name: 'early' });
    try {
      await stage.serve();
      const inSilver = (device: string) => numberOf(stage, `select count(*) as n from silver.stg_readings where device = '${device}'`);
      for (; record.rounds < sized(3, 30); record.rounds++) {
        const { ledger } = stage;
        const device = `early-${record.rounds}`;
        const line = `1893456000 Voltage ${ledger.nextValue()}`;
        const request = ledger.sending(device, [line]);
        await early.query('begin');
        await early.query(`insert into bronze.flushes (flush_id, source, lines, bytes) values (gen_random_uuid(), 'bronze.raw_readings', 1, $1)`, [line.length]);
        await early.query('insert into bronze.raw_readings (device, line) values ($1, $2)', [device, line]);
        const late = `1893456001 Voltage ${ledger.nextValue()}`;
        const lateRequest = ledger.sending(`late-${record.rounds}`, [late]);
        expect((await post(`${stage.url}/data`, late, { 'x-device-id': `late-${record.rounds}` })).status).toBe(200);
        ledger.told(lateRequest, 'acknowledged');
        await until(async () => (await inSilver(`late-${record.rounds}`)) === 1, 'the later one is modelled, without waiting for the other');
        expect(await inSilver(device)).toBe(0);
        await early.query('commit');
        const since = performance.now();
        ledger.told(request, 'acknowledged');
        await until(async () => (await inSilver(device)) === 1, 'the earlier one is modelled too');
        record.recoveries.push(Math.round(performance.now() - since));
      }
      await stage.judge(record);
    } finally {
      await early.end();
      await stage.close();
    }
  });

  faultCase('21: lines come two days late, twice, and out of order after gold was built', async (record, random) => {
    const stage = await Stage.open({ cluster });
    try {
      await stage.serve();
      const day = 1_893_456_000;
      for (; record.rounds < sized(10, 100); record.rounds++) {
        const late = record.rounds % 2 === 1;
        const lines = Array.from({ length: random.between(1, 40) }, () => `${day + (late ? 0 : 2 * 86_400) + random.between(0, 86_399)} ${random.oneOf(['Voltage', 'Current'])} ${stage.ledger.nextValue() / 10}`);
        const device = `round-${record.rounds % 3}`;
        const request = stage.ledger.sending(device, lines);
        expect((await post(`${stage.url}/data`, lines.join('\n'), { 'x-device-id': device })).status).toBe(200);
        stage.ledger.told(request, 'acknowledged');
        const again = await fetch(`${stage.url}/data?from=2030-01-01&to=2030-01-03&name=Power`, { headers: { prefer: 'wait=10' } }); // gold is built before the next ones
        expect(again.status).toBe(200);
        await again.text();
      }
      await stage.judge(record);
      // The same reading again, without a key, is another one: counted twice on purpose.
      const twice = `${day} Voltage 1`;
      for (let i = 0; i < 2; i++) expect((await post(`${stage.url}/data`, twice, { 'x-device-id': 'twice' })).status).toBe(200);
      await until(async () => (await numberOf(stage, `select coalesce(sum(readings), 0) as n from silver.int_daily_metric where device = 'twice'`)) === 2, 'both are summed up');
    } finally {
      await stage.close();
    }
  });

  faultCase('22: a service is killed in the middle of a run, a second one takes over', async (record, random) => {
    const stage = await Stage.open({ cluster });
    const second = (): LaunchedService => stage.launchBeside({ INGOT_ROLE: 'transform' });
    const blocker = await connect({ url: stage.databaseUrl, name: 'blocker' });
    let runner = second();
    try {
      await runner.ready;
      await stage.serve({ INGOT_ROLE: 'api' }); // it takes lines and leaves the runs to the others
      const load = stage.load(random);
      for (; record.rounds < sized(2, 20); record.rounds++) {
        await load.untilAcknowledged(2, patience(5_000));
        await blocker.query('begin; lock table gold.mart_daily_power in access exclusive mode');
        await until(async () => (await numberOf(stage, `select count(*) as n from pg_locks where relation = 'gold.mart_daily_power'::regclass and not granted`)) > 0, 'a run has come to its last model');
        await load.untilAcknowledged(2, patience(5_000)); // ingest does not wait for runs
        await runner.stop('SIGKILL');
        const since = performance.now();
        await blocker.query('commit');
        runner = second();
        await runner.ready;
        const marked = await numberOf(stage, 'select run_id as n from ingot.datasets');
        await until(async () => (await numberOf(stage, 'select run_id as n from ingot.datasets')) > marked, 'the next service runs');
        record.recoveries.push(Math.round(performance.now() - since));
      }
      await load.stop();
      await stage.judge(record);
    } finally {
      await blocker.end();
      await stage.close();
    }
  }, 8);

  faultCase('22: two services at once, and 40001 and 40P01 in runs and flushes', async (record, random) => {
    const stage = await Stage.open({ cluster });
    const other = stage.launchBeside();
    try {
      await other.ready;
      await stage.serve();
      await stage.query(FAIL_NOW_AND_THEN);
      for (const [table, every] of FAILING) await stage.query(`create trigger fail_now_and_then after insert on ${table} for each statement execute function public.fail_now_and_then(${every})`);
      const loads = [stage.load(random), stage.load(random, { url: await other.ready, keyed: 'all' })];
      for (const load of loads) await load.untilAcknowledged(sized(30, 1_000), patience(sized(15_000, 60_000)));
      for (const load of loads) await load.stop();
      for (const { seen } of loads) expect(seen.filter(({ status }) => status !== 200)).toEqual([]); // tried again inside
      record.rounds = await numberOf(stage, 'select last_value as n from public.attempts');
      expect(record.rounds).toBeGreaterThan(20);
      for (const [table] of FAILING) await stage.query(`drop trigger fail_now_and_then on ${table}`);
      await stage.judge(record);
      stage.expectWell(record, other);
    } finally {
      await stage.close();
    }
  }, 5);
});

/**
 * Every seventh flush and every fifth step of a run meets a serialization failure or a deadlock. Each trigger is made and
 * dropped in a transaction of its own: who locks both tables at once can be the victim of a real deadlock.
 */
const FAILING = [['bronze.flushes', 7], ['silver.stg_readings', 5]] as const;
const FAIL_NOW_AND_THEN = `
  create sequence public.attempts;
  grant usage on schema public to public;
  grant usage on sequence public.attempts to public;
  create function public.fail_now_and_then() returns trigger language plpgsql as $$
  declare n bigint := nextval('public.attempts');
  begin
    if n % tg_argv[0]::bigint = 0 then
      raise exception 'made for the test' using errcode = case when n % 2 = 0 then '40001' else '40P01' end;
    end if;
    return null;
  end $$`;

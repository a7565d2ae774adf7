import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from '@jest/globals';
import { patience, sized } from './options.js';
import { post } from './post.js';
import { faultCase, notRun } from './record.js';
import { Stage } from './stage.js';

const CLOCK = pathToFileURL(path.resolve('apps/api/faults/jumping-clock.mjs')).href;

/** The same instants in each unit: 1970, now, in ten years. */
const INSTANTS = [0n, 1_649_941_817n, 2_080_000_000n];
const UNITS = [['s', 1n], ['ms', 1_000n], ['us', 1_000_000n], ['ns', 1_000_000_000n]] as const;

describe('clocks', () => {
  faultCase('19: the clock of the service jumps an hour ahead, an hour back, and right again', async (record, random) => {
    const stage = await Stage.open({ env: { NODE_OPTIONS: `--import=${CLOCK}` } });
    try {
      const service = await stage.serve();
      const load = stage.load(random);
      const runs = async (): Promise<number> => Number((await stage.query<{ n: string }>('select run_id as n from ingot.datasets'))[0]?.n);
      for (; record.rounds < sized(3, 30); record.rounds++) {
        await load.untilAcknowledged(2, patience(5_000));
        service.process.kill('SIGUSR2');
        const since = performance.now();
        await stage.recover(record, since);
        const before = await runs();
        for (const end = performance.now() + patience(10_000); (await runs()) === before; await sleep(50)) expect(performance.now()).toBeLessThan(end); // the runs go on
      }
      await load.stop();
      // The database says when a line came, whatever the service believes.
      expect(await stage.query(`select count(*)::int as n from bronze.raw_readings where received_at not between now() - interval '30 minutes' and now()`)).toEqual([{ n: 0 }]);
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  });

  faultCase('19: devices whose clocks say 1970 or ten years ahead, in seconds to nanoseconds', async (record) => {
    const stage = await Stage.open();
    try {
      await stage.serve();
      for (const [unit, perSecond] of UNITS) {
        for (const instant of INSTANTS) {
          const device = `${unit}-${instant}`;
          const line = `${instant * perSecond} Voltage ${stage.ledger.nextValue()}`;
          const request = stage.ledger.sending(device, [line]);
          expect((await post(`${stage.url}/data?precision=${unit}`, line, { 'x-device-id': device })).status).toBe(200);
          stage.ledger.told(request, 'acknowledged');
          record.rounds++;
        }
      }
      await stage.judge(record);
      const times = await stage.query<{ device: string; seconds: string }>(`select device, extract(epoch from reading_time)::bigint as seconds from silver.stg_readings where device <> 'fresh' order by device`);
      expect(times.map(({ device, seconds }) => `${device} ${seconds}`)).toEqual(UNITS.flatMap(([unit]) => INSTANTS.map((instant) => `${unit}-${instant} ${instant}`)).sort());
    } finally {
      await stage.close();
    }
  });

  notRun('19: the clock of PostgreSQL jumps', 'needs libfaketime around the server');
});

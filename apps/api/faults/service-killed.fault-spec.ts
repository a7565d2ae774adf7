import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinOrStartEmbedded } from '@ingot/postgres';
import { describe } from '@jest/globals';
import { judge } from './oracle.js';
import { patience, sized } from './options.js';
import type { Random } from './random.js';
import { faultCase, type CaseRecord } from './record.js';
import { Stage } from './stage.js';

describe('the service is killed while four writers post', () => {
  faultCase('1: kill -9 of the service, its PostgreSQL elsewhere', async (record, random) => {
    const stage = await Stage.open();
    try {
      await killAgainAndAgain(stage, record, random, sized(4, 120), {});
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 20);

  faultCase('1: kill -9 of the service, its PostgreSQL embedded', async (record, random) => {
    const stage = await Stage.open();
    try {
      const dataDir = path.join(stage.folder, 'data');
      mkdirSync(dataDir);
      await killAgainAndAgain(stage, record, random, sized(3, 80), { INGOT_DATA_DIR: dataDir });
      const guest = await joinOrStartEmbedded({ dataDir });
      record.accept(await judge(stage.url, guest.url, stage.ledger.read(), patience(20_000)));
      stage.expectWell(record);
      await stage.service?.stop(); // takes its server with it
    } finally {
      await stage.close();
    }
  }, 20);
});

/** The last service is left running. Every fourth kill comes while it still starts. */
async function killAgainAndAgain(stage: Stage, record: CaseRecord, random: Random, rounds: number, env: Record<string, string>): Promise<void> {
  let service = await stage.serve(env);
  const load = stage.load(random);
  await load.untilAcknowledged(1, patience(5_000));
  for (; record.rounds < rounds; record.rounds++) {
    const isStarting = record.rounds % 4 === 3;
    if (!isStarting) await service.ready;
    if (!isStarting) await load.untilAcknowledged(1, patience(5_000));
    await sleep(random.between(0, isStarting ? 1_200 : 300));
    await service.stop('SIGKILL');
    const since = performance.now();
    service = stage.launch(env);
    if (record.rounds % 4 === 2) continue; // killed before it serves
    await stage.recover(record, since);
  }
  await service.ready;
  await load.untilAcknowledged(1, patience(5_000));
  await load.stop();
}

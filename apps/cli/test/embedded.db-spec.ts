import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '@ingot/config';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, startEmbedded } from '@ingot/postgres';
import type { Client } from 'pg';
import { withServer } from '../src/database.js';
import { jsonOf, runCli } from './command-line.js';
import { withProject } from './project-files.js';

let folder: string;
let env: Record<string, string>;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ingot-cli-embedded-'));
  chmodSync(folder, 0o755);
  env = { INGOT_DATA_DIR: path.join(folder, 'data') };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a command without DATABASE_URL', () => {
  it('starts the embedded server, and stops it again once others who joined have left', async () => {
    await withProject({}, async (sqlDir) => {
      const migrated = await runCli(['migrate', '--json'], { env });
      expect(migrated).toMatchObject({ code: 0 });
      expect(jsonOf<{ migrated: string[]; xid_base: null }>(migrated)).toEqual({ migrated: expect.arrayContaining(['OperationalSchema1795200000000']), xid_base: null });
      expect(await runCli(['migrate'], { env })).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
      expect(await runCli(['apply'], { env, sqlDir })).toMatchObject({ code: 0 });
      const said: string[] = [];
      const io = { env, out: () => undefined, say: (line: string) => void said.push(line), progress: () => undefined, colours: false, signal: new AbortController().signal };
      let guest: Client | undefined;
      const command = withServer(io, loadConfig(env), async (url) => {
        expect(await runCli(['run', '--json'], { env, sqlDir })).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Using the PostgreSQL of process \d+\.$/m) });
        guest = await connect({ url, name: 'a guest' });
      });
      while (!said.some((line) => line.startsWith('Waiting for a guest to leave'))) await Promise.race([sleep(20), command]);
      expect((await guest!.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      await guest!.end();
      await command;
    });
    const owner = await startEmbedded({ dataDir: env.INGOT_DATA_DIR! }); // the folder is free again
    await owner.stop();
  });

  it('uses the server of a running service, and leaves it running', async () => {
    const owner = await startEmbedded({ dataDir: env.INGOT_DATA_DIR! });
    try {
      owner.announce('http://127.0.0.1:3999');
      const { code, stderr, stdout } = await runCli(['runs'], { env });
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('succeeded') });
      expect(stderr).toContain(`Using the PostgreSQL of process ${process.pid}, which serves http://127.0.0.1:3999.`);
      await (await connect({ url: owner.url, name: 'service' })).end();
    } finally {
      await owner.stop();
    }
  });
});

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, startEmbedded } from '@ingot/postgres';
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
      const both = await Promise.all([runCli(['run', '--json'], { env, sqlDir }), runCli(['run', '--json'], { env, sqlDir })]);
      for (const { code, stderr } of both) expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(both.map(({ stderr }) => stderr).filter((text) => /^Using the PostgreSQL of process \d+\.$/m.test(text))).toHaveLength(1);
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

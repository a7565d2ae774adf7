import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from '../pool.js';
import { startEmbedded, type EmbeddedServer } from './embedded-server.js';
import { joinOrStartEmbedded } from './guest.js';
import { readPostmasterFile } from './postmaster-file.js';

const binDir = process.env.INGOT_TEST_PG_BIN;

let folder: string;
let dataDir: string;
let owner: EmbeddedServer | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ingot-guest-'));
  chmodSync(folder, 0o755);
  dataDir = path.join(folder, 'data');
});
afterEach(async () => {
  await owner?.stop();
  owner = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const roleAt = async (url: string) => {
  const client = await connect({ url, name: 'guest' });
  try {
    return (await client.query<{ role: string }>('select current_user as role')).rows[0]!.role;
  } finally {
    await client.end();
  }
};

describe('joinOrStartEmbedded', () => {
  it('starts the server when nobody has, and owns it then', async () => {
    const server = await joinOrStartEmbedded({ dataDir, binDir });
    expect('stop' in server).toBe(true);
    owner = server as EmbeddedServer;
    expect(await roleAt(server.url)).toBe('ingot');
  });

  it('uses the server that runs, also one that is just being made, and cannot stop it', async () => {
    const told: string[] = [];
    const starting = startEmbedded({ dataDir, binDir });
    while (!(await started())) await new Promise((resolve) => setTimeout(resolve, 2));
    const guest = await joinOrStartEmbedded({ dataDir, binDir, onProgress: (line) => told.push(line) });
    owner = await starting;
    owner.announce('http://127.0.0.1:3999');
    expect(guest).toEqual({ url: owner.url, owner: process.pid });
    expect(await roleAt(guest.url)).toBe('ingot');
    await joinOrStartEmbedded({ dataDir, binDir, onProgress: (line) => told.push(line) });
    expect(told.at(-1)).toBe(`Using the PostgreSQL of process ${process.pid}, which serves http://127.0.0.1:3999.`);
  });

  it('does not trust another server on the port, and waits for none', async () => {
    owner = await startEmbedded({ dataDir, binDir });
    const file = path.join(dataDir, 'postgres', 'postmaster.pid');
    const text = readFileSync(file, 'utf8');
    try {
      const lines = text.split('\n');
      lines[2] = String(Number(lines[2]) - 100); // it began at another time than the file says
      writeFileSync(file, lines.join('\n'));
      await expect(joinOrStartEmbedded({ dataDir, binDir })).rejects.toThrow(/^Process \d+ on port \d+ looks like the server of .*, but it says .*: stop it first, by hand\.$/);
    } finally {
      writeFileSync(file, text);
    }
  });

  it('takes a folder over whose owner has left', async () => {
    await (await startEmbedded({ dataDir, binDir })).stop();
    expect(readPostmasterFile(path.join(dataDir, 'postgres'))).toBeUndefined();
    const server = await joinOrStartEmbedded({ dataDir, binDir });
    owner = server as EmbeddedServer;
    expect('stop' in server).toBe(true);
  });
});

async function started(): Promise<boolean> {
  const { findHolder } = await import('./service-lock.js');
  return (await findHolder(dataDir)) !== undefined;
}

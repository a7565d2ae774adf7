import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { askLivenessSocket, openLivenessSocket } from './liveness-socket.js';

(process.platform === 'win32' ? describe.skip : describe)('a liveness socket', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-live-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('answers until it is closed, however often it is asked, and the file stays', async () => {
    const file = path.join(folder, 'live');
    expect(await askLivenessSocket(file)).toBe('unknown');
    const socket = await openLivenessSocket(file);
    for (let i = 0; i < 20; i++) expect(await askLivenessSocket(file)).toBe('alive');
    socket?.close();
    expect(await askLivenessSocket(file)).toBe('dead');
    expect(readdirSync(folder)).toEqual(['live']);
  });

  it('answers for a child that has it, which never accepts, past the end of its queue', async () => {
    const file = path.join(folder, 'live');
    const socket = await openLivenessSocket(file);
    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', socket?.fd] });
    socket?.close();
    for (let i = 0; i < 600; i++) expect(await askLivenessSocket(file)).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await askLivenessSocket(file)).toBe('dead');
  });

  it('replaces what is there', async () => {
    const file = path.join(folder, 'live');
    const first = await openLivenessSocket(file);
    const second = await openLivenessSocket(file);
    first?.close();
    expect(await askLivenessSocket(file)).toBe('alive');
    second?.close();
    writeFileSync(path.join(folder, 'text'), '');
    await openLivenessSocket(path.join(folder, 'text')).then((socket) => socket?.close());
    expect(readdirSync(folder).sort()).toEqual(['live', 'text']);
  });

  (process.platform === 'linux' ? it : it.skip)('may lie deeper than a socket address is long', async () => {
    const deep = path.join(folder, 'd'.repeat(200));
    mkdirSync(deep);
    const socket = await openLivenessSocket(path.join(deep, 'live'));
    expect(await askLivenessSocket(path.join(deep, 'live'))).toBe('alive');
    socket?.close();
    expect(readdirSync(deep)).toEqual(['live']);
  });

  it('is not made where nothing can be made', async () => {
    expect(await openLivenessSocket(path.join(folder, 'nowhere', 'live'))).toBeUndefined();
  });
});

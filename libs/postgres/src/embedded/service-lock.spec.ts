import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openLivenessSocket } from './liveness-socket.js';
import { isSameProcess, processIdentity } from './process-identity.js';
import { acquireServiceLock, takeLock, type Holder } from './service-lock.js';

const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;

describe('acquireServiceLock', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const leave = (generation: number, holder: unknown) => writeFileSync(path.join(folder, `service.lock.${generation}`), typeof holder === 'string' ? holder : JSON.stringify(holder));
  const files = () => readdirSync(folder).filter((name) => !name.startsWith('service.live.')).sort();

  it('is had by one at a time, and by the next after release', async () => {
    const lock = await acquireServiceLock(folder);
    await expect(acquireServiceLock(folder)).rejects.toThrow(/is in use by process \d+, since \S+Z\. Stop that one first/);
    lock.release();
    lock.release();
    (await acquireServiceLock(folder)).release();
    expect(files()).toEqual(['service.lock.2']);
  });

  it('says where the holder serves', async () => {
    const lock = await acquireServiceLock(folder);
    lock.announce('http://127.0.0.1:3000');
    await expect(acquireServiceLock(folder)).rejects.toThrow(/, serving http:\/\/127\.0\.0\.1:3000\. /);
    lock.release();
    lock.announce('http://127.0.0.1:3001'); // too late to count
    await acquireServiceLock(folder);
  });

  it.each([
    ['a process that is gone', { pid: deadPid(), identity: 'x', since: '' }],
    ['a pid that another process has now', { pid: process.ppid, identity: 'started at another time', since: '' }],
    ['a file cut short by a power failure', '{"pid":1'],
    ['an empty file', ''],
  ])('is taken over from %s', async (_, holder) => {
    leave(7, holder);
    const lock = await acquireServiceLock(folder);
    expect(files()).toEqual(['service.lock.8']);
    await expect(acquireServiceLock(folder)).rejects.toThrow(/in use/);
    lock.release();
  });

  it('is not taken from a running process of somebody else', async () => {
    leave(1, { pid: process.ppid, identity: processIdentity(process.ppid), since: 'then' });
    await expect(acquireServiceLock(folder)).rejects.toThrow(`process ${process.ppid}, since then`);
    expect(files()).toEqual(['service.lock.1']);
  });

  it('is not taken from a holder whose pid means nothing here but whose socket answers, and is once it does not', async () => {
    const name = 'service.live.0123456789abcdef';
    const socket = await openLivenessSocket(path.join(folder, name));
    expect(socket).toBeDefined();
    leave(1, { pid: deadPid(), identity: 'x', since: 'then', socket: name });
    await expect(acquireServiceLock(folder)).rejects.toThrow(/in use .*, since then/);
    expect(readdirSync(folder).sort()).toEqual([name, 'service.lock.1']);
    socket?.close();
    const lock = await acquireServiceLock(folder);
    const { socket: mine } = JSON.parse(readFileSync(path.join(folder, 'service.lock.2'), 'utf8')) as Holder;
    expect(readdirSync(folder).sort()).toEqual([mine, 'service.lock.2']);
    lock.release();
    expect(readdirSync(folder)).toEqual(['service.lock.2']);
  });

  it('belongs to the highest number, whatever lower ones a slow starter leaves', async () => {
    leave(9, { pid: process.pid, identity: processIdentity(process.pid), since: 'now' });
    leave(4, { pid: deadPid(), identity: 'x', since: '' });
    await expect(acquireServiceLock(folder)).rejects.toThrow(/in use/);
    leave(10, { pid: deadPid(), identity: 'x', since: '', released: true });
    await acquireServiceLock(folder);
    expect(JSON.parse(readFileSync(path.join(folder, 'service.lock.11'), 'utf8'))).toMatchObject({ pid: process.pid });
    expect(files()).toEqual(['service.lock.11']);
  });
});

describe('takeLock, the steps of several starters in any order, any of them killed at any step', () => {
  type Act = 'step' | 'kill' | 'release';
  const acts = fc.array(fc.tuple(fc.nat(3), fc.oneof({ arbitrary: fc.constant<Act>('step'), weight: 12 }, fc.constantFrom<Act>('kill', 'release'))), { minLength: 40, maxLength: 160 });

  it('never lets two have it, and always the next once all are gone', async () => {
    await fc.assert(
      fc.asyncProperty(acts, async (schedule) => {
        const folder = mkdtempSync(path.join(tmpdir(), 'ingot-lock-'));
        const alive = new Set<number>();
        const runs = (holder: Holder) => alive.has(holder.pid);
        let pids = 0;
        const begin = () => {
          const me: Holder = { pid: ++pids, identity: '', since: '' };
          alive.add(me.pid);
          return { me, steps: takeLock(folder, me, runs), holds: undefined as string | undefined };
        };
        const starters = Array.from({ length: 4 }, begin);
        try {
          for (const [index, act] of schedule) {
            const one = starters[index];
            if (one === undefined) continue;
            if (act === 'kill') {
              alive.delete(one.me.pid);
              starters[index] = begin();
            } else if (one.holds !== undefined) {
              if (act !== 'release') continue;
              writeFileSync(one.holds, JSON.stringify({ ...one.me, released: true }));
              alive.delete(one.me.pid);
              starters[index] = begin();
            } else {
              try {
                const step = await one.steps.next();
                if (step.done === true) one.holds = step.value;
              } catch {
                alive.delete(one.me.pid); // refused, and gone
                starters[index] = begin();
              }
            }
            expect(starters.filter((other) => other.holds !== undefined).length).toBeLessThanOrEqual(1);
          }
          alive.clear();
          const last = begin().steps;
          for (let step = await last.next(), n = 0; step.done !== true; step = await last.next()) expect(++n).toBeLessThan(20);
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('processIdentity', () => {
  it('stays the same for a process and another is not taken for it', () => {
    const mine = processIdentity(process.pid) ?? '';
    expect(processIdentity(process.pid)).toBe(mine);
    expect(isSameProcess(process.pid, mine)).toBe(true);
    expect(isSameProcess(process.pid, `${mine}0`)).toBe(false);
  });

  it('is undefined for a process that is gone, and for what is no pid', () => {
    for (const pid of [deadPid(), 0, -1, 1.5, Number.NaN]) expect(processIdentity(pid)).toBeUndefined();
  });

  it('is in doubt the same', () => {
    expect(isSameProcess(process.ppid, 'unknown')).toBe(true);
    expect(isSameProcess(deadPid(), 'unknown')).toBe(false);
  });
});

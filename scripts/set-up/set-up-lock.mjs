// One set-up at a time in a checkout: `npm start` and `npm test` at once must not install or build into each other.
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const NAME = /^lock\.(\d{1,15})$/;

/**
 * Waits for the lock, does the work, gives the lock back. As with the service's lock (service-lock.ts says why it is
 * safe), the highest number holds, is never removed, and whoever finds its holder gone makes the next by link(2).
 */
export async function withSetUpLock(folder, say, work) {
  mkdirSync(folder, { recursive: true });
  const me = { pid: process.pid, started: startOf(process.pid) };
  const fileOf = (generation) => path.join(folder, `lock.${generation}`);
  for (let shown = false; ; ) {
    const highest = Math.max(0, ...generations(folder));
    const holder = read(fileOf(highest));
    if (holder !== undefined && startOf(holder.pid) === holder.started) {
      if (!shown) say(`Waiting for the set-up of process ${holder.pid}...`);
      shown = true;
      await sleep(100);
      continue;
    }
    const mine = fileOf(highest + 1);
    if (!publish(mine, me)) continue;
    const present = generations(folder);
    if (Math.max(...present) !== highest + 1) {
      rmSync(mine, { force: true });
      continue;
    }
    for (const older of present) if (older <= highest) rmSync(fileOf(older), { force: true });
    try {
      return await work();
    } finally {
      renameSync(draft(mine, {}), mine); // nobody holds it any more
    }
  }
}

function generations(folder) {
  return readdirSync(folder).flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
}

function read(file) {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8'));
    return typeof holder.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
  }
}

function publish(file, holder) {
  const from = draft(file, holder);
  try {
    linkSync(from, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(from, { force: true });
  }
}

function draft(file, holder) {
  const name = `${file}.${process.pid}.draft`;
  writeFileSync(name, JSON.stringify(holder));
  return name;
}

/** Tells a process from a later one with the same pid where /proc says when it began; undefined when it is gone. */
function startOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return 'running';
  }
}

// `npm run smoke`: starts Ingot as a newcomer does, sends the README's lines, reads them back, and stops it. On any system.
//   npm run smoke                                        this checkout, with a database of its own in a temporary folder
//   npm run smoke -- -- npx ingot start                  the same with another command
//   npm run smoke -- --url http://127.0.0.1:8080 --key K one that runs; K may ingest and read
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ options: { url: { type: 'string' }, key: { type: 'string' } }, allowPositionals: true });
const LIMIT_MS = 300_000; // the first start installs, builds and makes a database
const deadline = Date.now() + LIMIT_MS;

/** Sends a day of a device of its own and waits until its power is what the lines make it. */
async function check(url) {
  const headers = values.key === undefined ? {} : { Authorization: `Bearer ${values.key}` };
  const device = `smoke-${Date.now()}`;
  const body = '1649941817 Voltage 1.34\n1649941818 Voltage 1.35\n1649941817 Current 12.0\n1649941818 Current 14.0\n';
  const posted = await again(() => fetch(`${url}/data`, { method: 'POST', body, headers: { ...headers, 'X-Device-Id': device } }));
  if ((await posted.text()) !== '{"success":true}') throw new Error(`POST /data answered ${posted.status}`);
  for (let text = ''; ; await sleep(200)) {
    const answer = await fetch(`${url}/data?from=2022-04-14&to=2022-04-15&name=Power&device=${device}`, { headers });
    text = await answer.text();
    if (answer.ok && JSON.parse(text)[0]?.value === 17.485) return;
    if (Date.now() > deadline) throw new Error(`GET /data answered ${answer.status}: ${text.slice(0, 500)}`);
  }
}

/** Until the service listens; any answer but 503 is one. */
async function again(request) {
  for (;;) {
    const answer = await request().catch((error) => error);
    if (answer instanceof Response && answer.status !== 503) return answer;
    if (Date.now() > deadline) throw new Error(`${values.url}: ${answer instanceof Response ? answer.status : answer.message}`);
    await sleep(500);
  }
}

async function startAndCheck([file = process.execPath, ...args]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-smoke-'));
  const given = args.length === 0 && file === process.execPath ? ['scripts/start.mjs'] : args;
  const child = spawn(file, given, { stdio: ['ignore', 'inherit', 'pipe'], shell: process.platform === 'win32' && file !== process.execPath, env: { ...process.env, PORT: '0', INGOT_DATA_DIR: path.join(folder, 'data') } });
  const ended = once(child, 'exit');
  let url;
  try {
    url = await new Promise((resolve, reject) => {
      let said = '';
      child.stderr.on('data', (chunk) => {
        process.stderr.write(chunk);
        const found = /serves (http:\S+)/.exec((said += chunk));
        if (found) resolve(found[1]);
      });
      ended.then(([code]) => reject(new Error(`it ended with ${code} before it served`)));
      setTimeout(() => reject(new Error('it did not serve in time')), LIMIT_MS).unref();
    });
    await check(url);
  } finally {
    child.kill('SIGTERM'); // on Windows this ends it at once
  }
  const [code] = await ended;
  if (process.platform !== 'win32') {
    // npx tells its own end, and not that of what it ran: gone it must be all the same.
    if (file === process.execPath && code !== 0) throw new Error(`it stopped with ${code}`);
    while (await fetch(url).then(() => true, () => false)) {
      if (Date.now() > deadline) throw new Error(`${url} still answers`);
      await sleep(200);
    }
  }
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
  } catch {
    // On Windows its server may hold files for a moment; the folder is a temporary one.
  }
}

try {
  await (values.url === undefined ? startAndCheck(positionals) : check(values.url));
  process.stderr.write('smoke: lines in, power out\n');
} catch (error) {
  process.stderr.write(`smoke: ${error.message}\n`);
  process.exitCode = 1;
}

// Writes docs/openapi.json: what the service says of itself, with examples recorded from it on a throw-away database;
// with --check only compares. Checks it against the schema of OpenAPI 3.1. Needs a build.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { startTestCluster } from '../dist/libs/testing/src/index.js';
import { record } from './openapi/record.mjs';

const file = new URL('../docs/openapi.json', import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));

/** Starts the service on a free port; resolves with its address and what ends it. */
async function startService(databaseUrl) {
  const own = Object.entries(process.env).filter(([name]) => !/^(INGOT_|HOST$|PORT$|DATABASE_URL$|OTEL_)/.test(name));
  const env = { ...Object.fromEntries(own), DATABASE_URL: databaseUrl, INGOT_APPLY: 'auto', PORT: '0', INGOT_LOG_LEVEL: 'silent' };
  const child = spawn(process.execPath, ['--enable-source-maps', 'dist/apps/api/src/main.js'], { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let said = '';
  const url = await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const address = /http:\/\/\S+:\d+/.exec(said)?.[0];
      if (address !== undefined) resolve(address);
    });
    void ended.then(() => reject(new Error(`the service did not start:\n${said}`)));
  });
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url, stop };
}

const cluster = await startTestCluster();
let document;
try {
  const service = await startService(cluster.url);
  try {
    document = await record(service.url);
  } finally {
    await service.stop();
  }
} finally {
  await cluster.stop();
}

const { valid, errors } = await new Validator().validate(structuredClone(document));
if (!valid) {
  console.error('This is no valid OpenAPI 3.1 document:', JSON.stringify(errors, null, 2));
  process.exitCode = 1;
}
const text = `${JSON.stringify(document, null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  console.error('docs/openapi.json is not what the service says and answers: run `npm run openapi` and commit it.');
  process.exitCode = 1;
}

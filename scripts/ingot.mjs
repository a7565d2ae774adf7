#!/usr/bin/env node
// `npx ingot <command>` or `npm run ingot -- <command>`. In a checkout it installs and builds first what is not there; as an
// installed package, or in an image, everything is there.
import './set-up/require-node.mjs';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { followNpm } from './set-up/follow-npm.mjs';

const shipped = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

async function prepare() {
  if (existsSync(shipped('tsconfig.build.json'))) return (await import('./set-up/set-up.mjs')).setUpHere();
  // Without datasets of one's own, the default one: something to try with `npx ingot start`.
  if (!process.env.INGOT_SQL_DIR && !existsSync('sql')) process.env.INGOT_SQL_DIR = shipped('sql');
}

if (process.argv[2] === 'start') followNpm();
prepare().then(() => {
  process.setSourceMapsEnabled(true);
  return import('../dist/apps/cli/src/main.js');
});

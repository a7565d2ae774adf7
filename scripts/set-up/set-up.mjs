// Brings a checkout to where the service can start: packages installed, sources compiled. Needs nothing but Node, and
// costs a few milliseconds when there is nothing to do.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, buildIsCurrent } from './build.mjs';
import { install, packagesAreCurrent } from './packages.mjs';
import { withSetUpLock } from './set-up-lock.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const say = (line) => process.stderr.write(`${line}\n`);

/** Sets up the checkout that this file is part of, and makes it the working directory. Ends the process when it fails. */
export async function setUpHere() {
  process.chdir(ROOT);
  try {
    await setUp(ROOT);
  } catch (error) {
    say(`ingot: ${error.message}`);
    process.exit(1);
  }
}

/**
 * @param {string} root the checkout
 * @param {{ install: Function, build: Function }} steps what is run when something changed; a test gives its own
 */
export async function setUp(root, steps = { install, build }) {
  if (packagesAreCurrent(root) && buildIsCurrent(root)) return;
  await withSetUpLock(path.join(root, '.ingot', 'set-up'), say, async () => {
    // Another set-up may have done it while this one waited for the lock.
    if (!packagesAreCurrent(root)) await steps.install(root, say);
    if (!buildIsCurrent(root)) await steps.build(root, say);
  });
}

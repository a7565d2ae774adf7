#!/usr/bin/env node
// `npx ingot <command>` or `npm run ingot -- <command>`: sets the checkout up, then runs the command line.
import './set-up/require-node.mjs';

import('./set-up/set-up.mjs')
  .then(({ setUpHere }) => setUpHere())
  .then(() => {
    process.setSourceMapsEnabled(true);
    return import('../dist/apps/cli/src/main.js');
  });

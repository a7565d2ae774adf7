// `npm run bench`: sets the checkout up, then measures.
import './set-up/require-node.mjs';

import('./set-up/set-up.mjs')
  .then(({ setUpHere }) => setUpHere())
  .then(() => {
    process.setSourceMapsEnabled(true);
    return import('../dist/bench/src/main.js');
  });

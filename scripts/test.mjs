// `npm test`: sets the checkout up, then runs jest with the arguments given, and ends with `N passed, N failed`.
import './set-up/require-node.mjs';

import('./set-up/set-up.mjs')
  .then(({ setUpHere }) => setUpHere())
  .then(() => import('./set-up/jest.mjs'))
  .then(({ runJest }) => runJest(process.argv.slice(2)));

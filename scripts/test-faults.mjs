// `npm run test:faults`: sets the checkout up, then breaks things around the service, case by case; it ends with
// `N passed, N failed`. Apart from `npm test`, because it takes minutes.
import './set-up/require-node.mjs';

import('./set-up/set-up.mjs')
  .then(({ setUpHere }) => setUpHere())
  .then(() => import('./faults/run.mjs'))
  .then(({ runFaults }) => runFaults(process.argv.slice(2)));

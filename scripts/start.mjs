// `npm start`: sets the checkout up, then serves in this very process, so that signals reach the service directly.
import './set-up/require-node.mjs';

Promise.all([import('./set-up/set-up.mjs'), import('./set-up/follow-npm.mjs')])
  .then(([{ setUpHere }, { followNpm }]) => {
    followNpm();
    return setUpHere();
  })
  .then(() => {
    process.setSourceMapsEnabled(true);
    return import('../dist/apps/api/src/main.js');
  });

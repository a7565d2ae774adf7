// Before any test with a database: one throw-away cluster for the whole run, whichever projects take part in it (jest
// runs this file once, as both projects name the same one). The launcher is the compiled one: jest cannot load
// TypeScript here.
import { existsSync } from 'node:fs';

const LAUNCHER = new URL('../../dist/libs/testing/src/test-cluster.js', import.meta.url);

export default async () => {
  if (process.env.INGOT_TEST_SERVER_URL) return; // a server of the caller's choice
  if (!existsSync(LAUNCHER)) throw new Error('dist/ is missing: run the tests by `npm test`, which builds first.');
  const { removeAbandonedClusters, startTestCluster } = await import(LAUNCHER.href);
  removeAbandonedClusters();
  const cluster = await startTestCluster({ durable: false });
  globalThis.__ingotTestCluster = cluster;
  process.env.INGOT_TEST_SERVER_URL = cluster.url;
};

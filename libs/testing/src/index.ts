export { hasEnded } from './process-end.js';
export { openProxy, type Proxy, type Watch, type Way } from './proxy.js';
export { createTestDatabase, queryAt, serviceLogins, type TestDatabase } from './database.js';
export { startStandby } from './standby.js';
export { removeAbandonedClusters, startTestCluster, type TestCluster, type TestClusterOptions } from './test-cluster.js';

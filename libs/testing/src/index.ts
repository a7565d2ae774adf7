export { hasEnded } from './process-end.js';
export { openProxy, type Proxy } from './proxy.js';
export { createTestDatabase, type TestDatabase } from './database.js';
export { removeAbandonedClusters, startTestCluster, type TestCluster, type TestClusterOptions } from './test-cluster.js';

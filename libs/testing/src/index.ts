export { createTestDatabase, type TestDatabase } from './database.js';
export { removeAbandonedClusters, startTestCluster, type TestCluster, type TestClusterOptions } from './test-cluster.js';

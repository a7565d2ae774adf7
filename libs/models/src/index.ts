export { apply, isKnown } from './apply.js';
export { checkCluster } from './cluster-identity.js';
export { DatasetRunner } from './dataset-runner.js';
export { type Freshness } from './freshness.js';

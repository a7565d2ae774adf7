export { apply, isApplied, isKnown } from './apply.js';
export { ApplyError } from './apply-error.js';
export { checkCluster, ClusterIdentityError } from './cluster-identity.js';
export { DatasetRunner, type DatasetRunnerOptions, type RunnerLog } from './dataset-runner.js';
export { type Freshness, type StaleReason } from './freshness.js';
export { maintain, type MaintenanceOptions, type MaintenanceReport } from './maintenance.js';
export { readPlan, type Plan, type Step } from './plan.js';
export { run, type RunOptions, type RunResult } from './run.js';
export { RunFailure } from './run-failure.js';

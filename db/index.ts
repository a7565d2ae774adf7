export { grantRights, isMigrated, migrate } from './migrate.js';
export { databaseRoles, roleStatements, type DatabaseRole } from './database-roles.js';
export { dumpSchema } from './schema-dump.js';
export { openRunHistory } from './operations/open-run-history.js';
export { runDetailDocument, runDocument, testsOf } from './operations/run-document.js';
export type { RunFilter, RunHistory } from './operations/run-history.js';
export type { FailedTest, Run, RunError, RunStep, RunTestResult } from './entities/run.js';

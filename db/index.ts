export { isMigrated, migrate } from './migrate.js';
export { dumpSchema } from './schema-dump.js';

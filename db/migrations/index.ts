import { OperationalSchema1795200000000 } from './1795200000000-operational-schema.js';
import { Quarantine1795300000000 } from './1795300000000-quarantine.js';
import { SafeCasts1795301000000 } from './1795301000000-safe-casts.js';
import { DataTests1795310000000 } from './1795310000000-data-tests.js';
import { Plans1795320000000 } from './1795320000000-plans.js';
import { RunHistory1795330000000 } from './1795330000000-run-history.js';
import { Publications1795340000000 } from './1795340000000-publications.js';
import { Pages1795400000000 } from './1795400000000-pages.js';
import { SourceCounts1795460000000 } from './1795460000000-source-counts.js';
import { ApiKeys1795500000000 } from './1795500000000-api-keys.js';
import { Limits1795510000000 } from './1795510000000-limits.js';
import { DatabaseRoles1795520000000 } from './1795520000000-database-roles.js';
import { Retention1795530000000 } from './1795530000000-retention.js';
import { LineNumbers1795540000000 } from './1795540000000-line-numbers.js';

/** In order; a class is added here by hand, never found by a glob. */
export const migrations = [OperationalSchema1795200000000, Quarantine1795300000000, SafeCasts1795301000000, DataTests1795310000000, Plans1795320000000, RunHistory1795330000000, Publications1795340000000, Pages1795400000000, SourceCounts1795460000000, ApiKeys1795500000000, Limits1795510000000, DatabaseRoles1795520000000, Retention1795530000000, LineNumbers1795540000000];

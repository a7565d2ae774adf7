import { OperationalSchema1795200000000 } from './1795200000000-operational-schema.js';

/** In order; a class is added here by hand, never found by a glob. */
export const migrations = [OperationalSchema1795200000000];

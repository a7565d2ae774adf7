// Apart from `npm test`: `npm run test:faults` breaks things, and takes minutes.
import { base } from '../../../jest.config.mjs';

export default {
  ...base,
  displayName: 'faults',
  rootDir: '../../..',
  testMatch: ['<rootDir>/apps/api/faults/**/*.fault-spec.ts'],
  testTimeout: 120_000, // of hooks; each case has its own
  // The cases wait more than they compute, and each file has a PostgreSQL of its own.
  maxWorkers: 4,
};

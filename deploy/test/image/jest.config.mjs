// `npm run test:image`: builds what the image holds. Apart from `npm test`: it installs and compiles everything anew.
import { fileURLToPath } from 'node:url';
import all, { base } from '../../../jest.config.mjs';

const rootDir = fileURLToPath(new URL('../../..', import.meta.url));
const { globalSetup, globalTeardown } = all.projects.find(({ displayName }) => displayName === 'db');

export default {
  rootDir,
  projects: [{ ...base, rootDir, globalSetup, globalTeardown, displayName: 'image', testMatch: ['<rootDir>/deploy/test/image/*.image-spec.ts'] }],
  testTimeout: all.testTimeout,
};

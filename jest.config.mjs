// Three tiers, told apart by path: `*.spec.ts` beside the code, `*.db-spec.ts` with a database of its own,
// `apps/api/test/*.e2e-spec.ts` by HTTP alone.
const typescript = [
  '@swc/jest',
  {
    swcrc: false,
    sourceMaps: 'inline',
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      keepClassNames: true,
    },
  },
]; // no module.type: @swc/jest picks ES or CommonJS from how the file is loaded
const esmOnly = ['@swc/jest', { swcrc: false, jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } } }];
// Jest before Node 24.9 cannot require() these ESM-only packages, which CommonJS packages of the stack do.
const REQUIRED_BY_COMMONJS = ['cookie', 'content-disposition'];

export const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['js', 'mjs', 'cjs', 'ts', 'json', 'node'],
  transform: { '^.+\\.ts$': typescript, '/node_modules/.+\\.js$': esmOnly },
  transformIgnorePatterns: [`/node_modules/(?!(?:.*/node_modules/)?(?:${REQUIRED_BY_COMMONJS.join('|')})/)`],
  moduleNameMapper: {
    '^@ingot/db$': '<rootDir>/db/index.ts',
    '^@ingot/(.*)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/\\.ingot'],
};
const withDatabase = {
  globalSetup: '<rootDir>/libs/testing/jest.setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/jest.teardown.mjs',
};

export default {
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/{apps,bench,deploy,libs,db,terraform}/**/*.spec.ts'] },
    { ...base, ...withDatabase, displayName: 'db', testMatch: ['<rootDir>/{apps,deploy,libs,db}/**/*.db-spec.ts'] },
    { ...base, ...withDatabase, displayName: 'e2e', testMatch: ['<rootDir>/apps/**/*.e2e-spec.ts'] },
  ],
  // Against a test that hangs. How fast something is, a test says by itself: on a busy machine `npm start` took 30 s once.
  testTimeout: 120_000,
  // Tests wait for PostgreSQL and for time limits too: three workers leave a seventh of two cores idle, and jest would take one.
  maxWorkers: 4,
};

/** The options that both projects share. */
const shared = {
  testEnvironment: 'node',
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  // The build copies the examples there, and Jest would warn that two packages share a name.
  modulePathIgnorePatterns: ['<rootDir>/packages/server/examples/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { swcrc: true, exclude: [] }] },
  setupFilesAfterEnv: ['./test/support/retry-in-ci.mjs'],
};
// Sources import each other as './x.js', as Node will find them after the build.
const SOURCE_FILES = { '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'] };

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testRegex: '(src|test|packages)/.*\\.spec\\.ts$',
      moduleNameMapper: {
        ...SOURCE_FILES,
        '^@cloutagent/(\\w+)$': '<rootDir>/packages/$1/src/index.ts',
        '^@cloutagent/(\\w+)/(\\w+)$': '<rootDir>/packages/$1/src/$2.ts',
      },
    },
    {
      ...shared,
      displayName: 'e2e',
      testRegex: 'test/.*\\.e2e-spec\\.ts$',
      moduleNameMapper: SOURCE_FILES,
      globalSetup: './test/support/global-setup.mjs',
      globalTeardown: './test/support/global-teardown.mjs',
    },
  ],
  testSequencer: './test/support/sequencer.mjs',
  testTimeout: 120_000,
  maxWorkers: 3,
  workerIdleMemoryLimit: '1GB',
};

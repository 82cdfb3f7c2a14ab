// The entry `@cloutagent/server/testing`: what tests of extensions use.
export { startTestServer, type TestServer, type TestServerOptions } from './testing/start-test-server.js';
export { testRun, type TestRunOptions, type TestRunResult } from './testing/test-run.js';
export type { TestChild, TestWait } from './testing/test-waits.js';

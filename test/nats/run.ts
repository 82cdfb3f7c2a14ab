// Runs the end-to-end tests of streams with NATS as the carrier of hints (docs/scaling.md), on a real nats-server. Says so and
// does nothing if this machine has none. `node test/nats/run.ts multi-stream` runs the test files with this name instead.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from '../support/free-ports.ts';
import { HAS_NATS, NatsServer } from '../support/nats-server.ts';

const STREAM_TESTS = [
  'nats',
  'streams',
  'multi-stream',
  'root-stream',
  'start-and-stream',
  'stream-formats',
  'execution-listeners',
  'recovery',
  'shutdown',
];

if (!HAS_NATS) {
  console.log('Skipped: the tests with NATS need the program nats-server, and this machine has none.');
  process.exit(0);
}
const [monitorPort] = await freePorts(1);
const nats = await NatsServer.start('--http_port', String(monitorPort));
try {
  const patterns = process.argv.length > 2 ? process.argv.slice(2) : STREAM_TESTS;
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--selectProjects',
      'e2e',
      '--maxWorkers',
      '2',
      '--testPathPatterns',
      ...patterns.map((pattern) => `/test/${pattern}[^/]*$`),
    ],
    { stdio: 'inherit', env: { ...process.env, TEST_NATS_URL: nats.url } },
  );
  const [status] = (await once(jest, 'exit')) as [number | null];
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/varz`);
  const { in_msgs: messages } = (await answer.json()) as { in_msgs: number };
  console.log(`NATS received ${messages} messages from the servers under test.`);
  process.exitCode = status === 0 && messages > 0 ? 0 : 1;
} finally {
  await nats.kill();
}

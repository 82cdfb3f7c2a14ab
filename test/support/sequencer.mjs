import Sequencer from '@jest/test-sequencer';
import { relative } from 'node:path';

/**
 * The files that take longest, the longest first. They start first, so that no worker is idle at the end of a run. Jest orders
 * files by how long they took in the last run, and by their size on a new checkout, where several of these are small.
 */
const LONGEST = [
  'test/webhook-chaos.e2e-spec.ts',
  'test/durable-listener.e2e-spec.ts',
  'test/recovery.e2e-spec.ts',
  'test/checkouts.e2e-spec.ts',
  'test/embedded.e2e-spec.ts',
  'test/cli-projects.e2e-spec.ts',
  'test/nats.e2e-spec.ts',
  'test/server-package.e2e-spec.ts',
  'test/browser/dashboard.e2e-spec.ts',
  'test/agent-chaos/kills.e2e-spec.ts',
  'test/cache-control.e2e-spec.ts',
  'test/cli.e2e-spec.ts',
  'test/agent-chaos/faults.e2e-spec.ts',
  'test/shutdown.e2e-spec.ts',
  'test/webhooks.e2e-spec.ts',
  'test/faults/seeds.e2e-spec.ts',
  'test/schedule-dst.e2e-spec.ts',
  'test/packages.e2e-spec.ts',
  'test/database-refusals.e2e-spec.ts',
  'test/example-extension.e2e-spec.ts',
  'test/wait-chaos/sequences.e2e-spec.ts',
  'test/expressions.e2e-spec.ts',
  'test/agent-chaos/commits.e2e-spec.ts',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path, context }) => {
      const index = LONGEST.indexOf(relative(context.config.rootDir, path));
      return index < 0 ? LONGEST.length : index;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is a method of the sequencer
    return super.sort(tests).toSorted((one, other) => rank(one) - rank(other));
  }
}

import type { NodeEvent, NodeRun } from '../../src/engine/extension/node-handler.js';

/** A `NodeRun` for tests. It records the events and the usage that the node reports. */
export interface TestRun<Config> extends NodeRun<Config> {
  readonly events: NodeEvent[];
  readonly usage: { model: string; input: number; output: number }[];
  readonly abort: (reason?: Error) => void;
  /** Returns the joined chunks of `execution:output`, or of the given type. */
  text(type?: 'execution:output' | 'execution:thinking'): string;
}

/** @param more overrides; by default the node has no input and no parents */
export function testRun<Config>(config: Config, more: Partial<NodeRun<Config>> = {}): TestRun<Config> {
  const controller = new AbortController();
  const events: NodeEvent[] = [];
  const usage: { model: string; input: number; output: number }[] = [];
  return {
    executionId: '0199c0de-0000-7000-8000-000000000001',
    projectId: 'demo',
    tags: [],
    createdBy: 'test',
    nodeId: 'node',
    stepId: 'step',
    attempt: 1,
    config,
    input: null,
    inputs: {},
    signal: controller.signal,
    emit: (event) => {
      controller.signal.throwIfAborted();
      events.push(event);
      return Promise.resolve();
    },
    countTokens: (model, used) => {
      usage.push({ model, ...used });
      return Promise.resolve();
    },
    decision: () => Promise.reject(new Error('this test makes no decision')),
    untimed: (wait) => wait(),
    waitFor: () => Promise.reject(new Error('this test answers no wait')),
    runChildren: () => Promise.reject(new Error('this test has no children')),
    lastCompletedChild: () => Promise.resolve(undefined),
    resumed: false,
    checkLimits: () => Promise.resolve(),
    events,
    usage,
    abort: (reason = new Error('aborted by the test')) => controller.abort(reason),
    text: (type = 'execution:output') =>
      events.map((event) => (event.type === type ? event.chunk : '')).join(''),
    ...more,
  };
}

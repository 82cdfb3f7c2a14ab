import type { NodeEvent, NodeRun } from '../../src/engine/extension/node-handler.js';

/** A `NodeRun` for tests: it keeps what the node says. */
export interface TestRun<Config> extends NodeRun<Config> {
  readonly events: NodeEvent[];
  readonly usage: { model: string; input: number; output: number }[];
  readonly abort: (reason?: Error) => void;
  /** The chunks of `execution:output`, or of the type given, joined. */
  text(type?: 'execution:output' | 'execution:thinking'): string;
}

/** @param more what differs from an execution without input and parents */
export function testRun<Config>(config: Config, more: Partial<NodeRun<Config>> = {}): TestRun<Config> {
  const controller = new AbortController();
  const events: NodeEvent[] = [];
  const usage: { model: string; input: number; output: number }[] = [];
  return {
    executionId: '0199c0de-0000-7000-8000-000000000001',
    projectId: 'demo',
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
    decision: () => Promise.reject(new Error('this test has nobody who decides')),
    untimed: (wait) => wait(),
    events,
    usage,
    abort: (reason = new Error('aborted by the test')) => controller.abort(reason),
    text: (type = 'execution:output') =>
      events.map((event) => (event.type === type ? event.chunk : '')).join(''),
    ...more,
  };
}

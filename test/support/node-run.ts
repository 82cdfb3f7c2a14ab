import type { AgentRun, Round } from '../../src/engine/extension/agent-run.js';
import type { ModelUsage } from '../../src/engine/extension/model-usage.js';
import type { NodeEvent } from '../../src/engine/extension/node-handler.js';

/** A `NodeRun` for tests. It records the events and the usage that the node reports. */
export interface TestRun<Config> extends AgentRun<Config> {
  readonly events: NodeEvent[];
  readonly usage: ({ model: string } & ModelUsage)[];
  /** What the node set as the end of its last answer. */
  readonly finish: { finishReason?: string; incomplete?: boolean };
  readonly abort: (reason?: Error) => void;
  /** Returns the joined chunks of `execution:output`, or of the given type. */
  text(type?: 'execution:output' | 'execution:thinking'): string;
}

/** @param more overrides; by default the node has no input and no parents */
export function testRun<Config>(config: Config, more: Partial<AgentRun<Config>> = {}): TestRun<Config> {
  const controller = new AbortController();
  const events: NodeEvent[] = [];
  const usage: ({ model: string } & ModelUsage)[] = [];
  const finish: { finishReason?: string; incomplete?: boolean } = {};
  const stored: Round[] = [];
  const emit = (event: NodeEvent) => {
    controller.signal.throwIfAborted();
    events.push(event);
    return Promise.resolve();
  };
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
    emit,
    countTokens: (model, used) => {
      usage.push({ model, ...used });
      return Promise.resolve();
    },
    decision: () => Promise.reject(new Error('this test makes no decision')),
    untimed: (wait) => wait(),
    waitFor: () => Promise.reject(new Error('this test answers no wait')),
    runChildren: () => Promise.reject(new Error('this test has no children')),
    lastCompletedChild: () => Promise.resolve(undefined),
    // Its configs have no references to secrets.
    reveal: (value) => Promise.resolve(value),
    redact: (text) => text,
    revealSetting: (value) => Promise.resolve(value),
    resumed: false,
    checkLimits: () => Promise.resolve(),
    rounds: {
      load: () => Promise.resolve([...stored]),
      add: async ({ round, content, problem, model, usage: used, calls: wanted }) => {
        const calls = wanted.map((call, index) => ({
          ...call,
          round,
          index,
          result: undefined,
          recorded: false,
        }));
        for (const { toolId, toolName, args } of calls)
          await emit({ type: 'execution:tool-call', toolId, toolName, toolArgs: args });
        usage.push({ model, ...used });
        stored.push({ round, content, problem, calls });
        return { round, content, problem, calls };
      },
      start: (call) => {
        call.started = true;
        return Promise.resolve();
      },
      sending: () => undefined,
      finish: async (call, result) => {
        const { result: value, isError, args } = result;
        const changed = args !== undefined && { toolArgs: args };
        await emit({
          type: 'execution:tool-result',
          toolId: call.toolId,
          result: value,
          isError,
          ...changed,
        });
        call.result = result;
        call.recorded = true;
      },
      keyOf: ({ round, index }) => `key.${round}.${index}`,
    },
    endedWait: () => undefined,
    failures: 0,
    conditionDocument: () => ({ input: null, execution: {} }),
    beginCall: () => undefined,
    setFinish: (end) => void Object.assign(finish, end),
    finish,
    events,
    usage,
    abort: (reason = new Error('aborted by the test')) => controller.abort(reason),
    text: (type = 'execution:output') =>
      events.map((event) => (event.type === type ? event.chunk : '')).join(''),
    ...more,
  };
}

import type { Json } from '@cloutagent/contract';
import { abortable } from '../common/abortable.js';
import { SecretRedactor } from '../config/secret-redactor.js';
import { parseSettings } from '../config/settings.js';
import { NodeError, type NodeEvent, type NodeRun, type NodeType } from '../engine/extension/node-handler.js';
import { emittedEvent } from '../engine/run/emitted-event.js';
import { OutputBudget } from '../engine/run/output-budget.js';
import { StoppedError } from '../engine/run/stopped-error.js';
import { type TestWaitAnswers, TestWaits } from './test-waits.js';

/** What a node finds in its run. Every member has a default. */
export interface TestRunOptions
  extends
    Partial<
      Pick<
        NodeRun<never>,
        | 'executionId'
        | 'projectId'
        | 'tags'
        | 'createdBy'
        | 'nodeId'
        | 'stepId'
        | 'attempt'
        | 'input'
        | 'inputs'
        | 'signal'
      >
    >,
    TestWaitAnswers {
  /**
   * The secrets of the project, by name. The config has `{{secrets.NAME}}` as text, and `reveal` puts the value in its place,
   * whatever the URL is.
   */
  secrets?: Readonly<Record<string, string>>;
  /** Called with each event when the node emits it. Use it to see the events of a node that throws, or to abort. */
  onEvent?: (event: NodeEvent) => void;
}

export interface TestRunResult {
  /** The node's output, as the next node would get it. */
  readonly output: Json;
  /** The events that the node emitted, in their order. */
  readonly events: readonly NodeEvent[];
  /** The tokens that the node counted, in the order of its calls. */
  readonly tokens: readonly { model: string; input: number; output: number }[];
}

/**
 * Runs one attempt of a node type, without a server and without a database. When the node waits, its handler is called again
 * from its start, as the server does.
 * @param node the handler, made with what its constructor needs
 * @param config `data.config` without placeholders, except for secrets; the handler's schema parses it
 * @throws what the node throws; NodeError `invalid_config` if the schema refuses the config, `output_not_json`,
 *   `output_too_deep` and `output_too_large` as the server does with default settings
 * @example
 * ```ts
 * const { output, events } = await testRun(new UppercaseNode(), { text: 'hello' });
 * expect(output).toBe('HELLO');
 * expect(events).toEqual([{ type: 'execution:output', chunk: 'HELLO' }]);
 * ```
 */
export async function testRun<Config>(
  node: NodeType<Config>,
  config: unknown,
  { waits: answers, decisions, children, secrets = {}, onEvent, ...given }: TestRunOptions = {},
): Promise<TestRunResult> {
  const parsed = node.config.safeParse(config);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new NodeError(
      'invalid_config',
      `The config is not valid: ${['config', ...issue.path].join('.')}: ${issue.message}`,
    );
  }
  const redactor = new SecretRedactor();
  const budget = new OutputBudget(parseSettings({}), () => redactor);
  const ended = new AbortController();
  const signal = given.signal ? AbortSignal.any([given.signal, ended.signal]) : ended.signal;
  const events: NodeEvent[] = [];
  const tokens: { model: string; input: number; output: number }[] = [];
  const ids = {
    stepId: given.stepId ?? '0199c0de-0000-4000-8000-000000000002',
    nodeId: given.nodeId ?? 'node',
  };
  const waits = new TestWaits({
    ...(answers && { waits: answers }),
    ...(decisions && { decisions }),
    ...(children && { children }),
  });
  const nodeRun = (callSignal: AbortSignal): NodeRun<Config> => ({
    executionId: '0199c0de-0000-7000-8000-000000000001',
    projectId: 'demo',
    tags: [],
    createdBy: 'key:test',
    attempt: 1,
    input: null,
    inputs: {},
    ...given,
    ...ids,
    config: parsed.data,
    signal: callSignal,
    emit: (event) =>
      handled(async () => {
        callSignal.throwIfAborted();
        emittedEvent(event, ids, budget);
        events.push(event);
        onEvent?.(event);
        callSignal.throwIfAborted();
      }),
    countTokens: (model, usage) =>
      handled(async () => {
        callSignal.throwIfAborted();
        tokens.push({ model, ...usage });
      }),
    decision: () =>
      handled(async () => {
        const result = await waits.waitFor({ kind: 'approval' });
        if (result.outcome === 'expired')
          throw new NodeError('approval_expired', 'The approval has expired.');
        const { approved, by, comment } = result;
        return { approved, by, comment };
      }),
    untimed: (wait) => handled(wait),
    waitFor: (request) => handled(async () => waits.waitFor(request)),
    runChildren: (request) => handled(async () => waits.runChildren(request)),
    lastCompletedChild: () => handled(async () => waits.lastCompletedChild()),
    reveal: (value) =>
      handled(async () => {
        const result = revealed(value, secrets);
        if (result !== value) for (const secret of Object.values(secrets)) redactor.add(secret);
        return result;
      }),
    redact: (text) => redactor.text(text),
    resumed: waits.isResumed,
    checkLimits: () => handled(async () => callSignal.throwIfAborted()),
  });
  try {
    for (;;) {
      const call = new AbortController();
      const callSignal = AbortSignal.any([signal, call.signal]);
      const stands = waits.beginCall();
      // The node may fail later than the signal aborts.
      const running = abortable(
        handled(async () => node.run(nodeRun(callSignal))),
        signal,
      );
      const result = await Promise.race([
        running.then((output) => ({ output: output ?? null })),
        stands.then(() => undefined),
      ]);
      if (result)
        return {
          output: JSON.parse(JSON.stringify(budget.admit(result.output))) as Json,
          events,
          tokens,
        };
      call.abort(new StoppedError('the node waits: it is called again when the wait has ended'));
    }
  } finally {
    ended.abort(new Error('the node has ended: await every emit before you return'));
  }
}

/** Puts secrets in the place of their placeholders. A value without placeholders is returned as it is. */
function revealed<T>(value: T, secrets: Readonly<Record<string, string>>): T {
  let hasSecret = false;
  const copy = (part: unknown): unknown => {
    if (typeof part === 'string')
      return part.replace(/\{\{\s*secrets\.(\w+)\s*\}\}/g, (_placeholder, name: string) => {
        hasSecret = true;
        if (Object.hasOwn(secrets, name)) return secrets[name]!;
        throw new NodeError('missing_value', `The test has no secret ${name}: pass it as an option.`);
      });
    if (Array.isArray(part)) return part.map(copy);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, copy(item)]));
  };
  const result = copy(value) as T;
  return hasSecret ? result : value;
}

/** Marks the promise as handled, as the server does: a node may leave it without await. */
function handled<T>(action: () => Promise<T>): Promise<T> {
  const promise = action();
  promise.catch(() => undefined);
  return promise;
}

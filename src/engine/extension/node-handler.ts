import type { Json, Workflow } from '@cloutagent/contract';
import type { z } from 'zod';
import type { ModelUsage } from './model-usage.js';
import type { ToolHooks } from './tool-hooks.js';
import type { ChildrenRequest, ChildResult, WaitRequest, WaitResult } from './waiting.js';

/**
 * An event that a node emits while it runs. The engine adds the ids of the execution, the step and the node.
 * `execution:custom` is an event that the module defines: `name` has 1 to 128 letters, digits and `.`, `_`, `:`, `-`, and
 * begins with a letter or a digit; `value` has the limits of an output (`OUTPUT_MAX_BYTES`, `OUTPUT_MAX_DEPTH`,
 * `OUTPUT_MAX_PARTS`).
 */
export type NodeEvent =
  | { type: 'execution:output'; chunk: string }
  | { type: 'execution:thinking'; chunk: string }
  | { type: 'execution:tool-call'; toolId: string; toolName: string; toolArgs: Json }
  | { type: 'execution:tool-result'; toolId: string; result: Json; isError: boolean; toolArgs?: Json }
  | { type: 'execution:custom'; name: string; value: Json };

/** A person's answer to an `approval` node. */
export interface ApprovalDecision {
  approved: boolean;
  by: string;
  comment: string | null;
}

/** One attempt to run one node, as its handler sees it. */
export interface NodeRun<Config> {
  readonly executionId: string;
  readonly projectId: string;
  /** The execution's tags. */
  readonly tags: readonly string[];
  /** Id of the principal that started the execution. */
  readonly createdBy: string;
  readonly nodeId: string;
  readonly stepId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** `data.config` after its placeholders are filled in, parsed by the handler's schema. */
  readonly config: Config;
  /** The execution's input. It is frozen, because other nodes get it too. */
  readonly input: Json;
  /** Outputs of those of the node's parents that have completed, by node id. They are frozen, because other nodes get them too. */
  readonly inputs: Readonly<Record<string, Json>>;
  /** Aborts on cancel, timeout, failure of the execution, or shutdown. The handler must then stop and throw. */
  readonly signal: AbortSignal;
  /**
   * Emits an event to all streams of the execution. Await it before you continue: the promise waits while the execution
   * is paused, and while too many of its events are not committed yet.
   * @throws the reason of `signal` once it is aborted
   * @throws NodeError `invalid_event`, `output_not_json`, `output_too_deep`, `output_too_large`
   * @example
   * ```ts
   * await run.emit({ type: 'execution:custom', name: 'crm.rows-read', value: { rows: 120 } });
   * ```
   */
  emit(event: NodeEvent): Promise<void>;
  /**
   * Counts the tokens of one model call towards usage, cost and limits. Await it like `emit`. Fractions are rounded up;
   * a negative number, or one above 10^12, counts as 0.
   * @param model full name, such as `anthropic/claude-sonnet-4-5`
   * @throws the reason of `signal` once it is aborted
   */
  countTokens(model: string, usage: ModelUsage): Promise<void>;
  /** Waits for a person's decision on this node: the short form of `waitFor({ kind: 'approval' })`. */
  decision(): Promise<ApprovalDecision>;
  /**
   * Waits for a person, a signal or a time. While the node waits, the execution takes no slot and no memory, and time
   * counts towards no limit. When the wait ends, the handler is called again from its start, with the same step and
   * attempt: a call whose wait has ended returns immediately. So put after the wait what must not happen twice.
   * Only one `waitFor` of each key exists in an execution, also over retries of the node.
   * @returns how the wait ended; `expired` after `expiresInMs`
   * @throws the reason of `signal` when the node begins to wait; let it pass
   * @throws NodeError `invalid_wait`
   * @example
   * ```ts
   * const payment = await run.waitFor({ kind: 'signal', signal: 'payment.received', expiresInMs: 86_400_000 });
   * if (payment.outcome === 'expired') throw new NodeError('not_paid', 'The customer has not paid within a day.');
   * return payment.body;
   * ```
   */
  waitFor<Kind extends WaitRequest['kind']>(
    request: Extract<WaitRequest, { kind: Kind }>,
  ): Promise<WaitResult<Kind>>;
  /**
   * Runs child executions and waits until they have ended, as `waitFor` does.
   * @returns how they ended, in the order of their indexes
   * @throws the reason of `signal` when the node begins to wait; let it pass
   * @throws NodeError `too_deep`, `too_many_children`, `output_too_large`
   */
  runChildren(request: ChildrenRequest): Promise<ChildResult[]>;
  /**
   * Reads the completed child with the highest index that this node has started. A node that runs children one after another
   * continues after it, instead of reading all of them again.
   * @returns undefined if no child has completed
   */
  lastCompletedChild(): Promise<{ index: number; output: Json } | undefined>;
  /** Whether the handler was called before in this attempt, and a wait has ended since. */
  readonly resumed: boolean;
  /**
   * Waits for something that is not the node's own work, such as a free worker process. This time does not count towards
   * the time limit of the node.
   */
  untimed<T>(wait: () => Promise<T>): Promise<T>;
  /**
   * Checks the limits of tokens and cost, also those of the tree of executions. Call it before each model call.
   * @param model the model that is to be called, such as `acme/large`. With a limit of cost its price must be known.
   * @throws the reason of `signal` if a limit is exceeded: the execution fails
   */
  checkLimits(model?: string): Promise<void>;
  /**
   * Puts the values of secrets in the place of the references that the config has for `{{secrets.NAME}}`. Only fields whose
   * schema has `.meta({ secrets: true })` have such references. Call it immediately before you send the value, so that the
   * value in force is sent, and send it nowhere else: what it returns must not go into outputs, events, errors or logs. The
   * execution redacts these values from then on.
   * @param value text, or lists and plain objects with texts. A value without references is returned as it is, the same
   *   object; otherwise a copy is returned, and the request must not leave its origin, for example by a redirect.
   * @param target where the value is sent, as an absolute URL, which may have references too
   * @throws NodeError `secret_not_allowed` if a secret may not be sent to this host, `missing_value` if it was deleted,
   *   `secrets_unavailable`, `invalid_config`, `config_too_large`; the reason of `signal`
   * @example
   * ```ts
   * readonly config = z.strictObject({ url: z.url(), token: z.string().meta({ secrets: true }) });
   * async run(run: NodeRun<Config>): Promise<Json> {
   *   const { url, token } = run.config;
   *   const headers = await run.reveal({ authorization: `Bearer ${token}` }, { url });
   *   const response = await fetch(url, { headers, redirect: 'error', signal: run.signal });
   *   return { status: response.status };
   * }
   * ```
   */
  reveal<T>(value: T, target: { readonly url: string }): Promise<T>;
  /**
   * Replaces the values of the secrets that the execution has used by `[redacted]`. All that a node gives to the server is
   * redacted anyway. Call it before you shorten or change a text that a server has sent, such as a part of an answer for a
   * message: a value that is cut in two is not recognised any more.
   * @example
   * ```ts
   * throw new NodeError('crm_refused', `The CRM answered: ${run.redact(await response.text()).slice(0, 300)}`);
   * ```
   */
  redact(text: string): string;
  /** The interceptors around calls of tools, for a node that carries out tools; undefined if no interceptor has one. */
  readonly toolHooks?: ToolHooks;
}

/** One check of a posted workflow, for its nodes' configs. */
export interface ConfigCheck {
  readonly projectId: string;
  /** Identifies the request: the same object for all nodes of the posted workflow, and of the workflows inside it. */
  readonly request: object;
  /**
   * Checks a workflow that the config contains, and that the node runs as child executions. Call it before any `await`, so
   * that the expressions of the whole request are parsed together.
   * @returns its problems, with paths inside that workflow
   * @example
   * ```ts
   * async check({ workflow }: Config, check: ConfigCheck): Promise<ConfigProblem[]> {
   *   const problems = await check.checkWorkflow(workflow);
   *   return problems.map((problem) => ({ ...problem, path: ['workflow', ...problem.path] }));
   * }
   * ```
   */
  checkWorkflow(workflow: Workflow): Promise<ConfigProblem[]>;
  /**
   * Checks the name of a saved workflow that the node runs as child executions.
   * @param ref `name`, `name@3` or `name@production`
   * @returns its problems, without a path
   */
  checkRef(ref: string): Promise<ConfigProblem[]>;
}

/** A problem of a config. */
export interface ConfigProblem {
  /** Inside `data.config`. */
  path: (string | number)[];
  message: string;
  /** The problem code of the response; `validation_failed` by default. */
  code?: string;
}

/**
 * Runs nodes of one type. Any Nest provider with `@NodeHandler('type')` is a node type; another team adds one in its own
 * module. The engine calls `run` again, from the start, if an attempt fails with a `TransientError` or if the process
 * dies during an attempt.
 * @example
 * ```ts
 * @NodeHandler('uppercase')
 * export class UppercaseNode implements NodeType<{ text: string }> {
 *   readonly config = z.strictObject({ text: z.string() });
 *   async run(run: NodeRun<{ text: string }>): Promise<Json> {
 *     return run.config.text.toUpperCase();
 *   }
 * }
 * ```
 */
export interface NodeType<Config = unknown> {
  /**
   * Schema of `data.config`. The config is checked when an execution is posted, and again before each attempt, after its
   * placeholders are filled in. It must be synchronous.
   */
  readonly config: z.ZodType<Config>;
  /**
   * The members of the config whose placeholders belong to another workflow, such as the workflow of child executions. They
   * are not filled in.
   */
  readonly verbatim?: readonly string[];
  /**
   * Finds problems that the schema cannot find, such as a model that is not configured. Called when an execution is
   * posted.
   */
  check?(config: Config, check: ConfigCheck): ConfigProblem[] | Promise<ConfigProblem[]>;
  /**
   * Runs one attempt.
   * @returns the node's output
   * @throws TransientError if another attempt may succeed; NodeError, or any other error, to fail the execution
   */
  run(run: NodeRun<Config>): Promise<Json>;
}

/** A permanent failure of a node. `code` is part of `execution:failed`. */
export class NodeError extends Error {
  override readonly name: string = 'NodeError';

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A failure that may pass, such as a timeout, a 429, a 5xx or a reset. The engine runs the node again, with backoff. */
export class TransientError extends NodeError {
  override readonly name = 'TransientError';

  constructor(
    code: string,
    message: string,
    /** The delay that the other side requested (`Retry-After`), in ms. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

import type { Json } from '@cloutagent/contract';
import type { z } from 'zod';

/** Something a node says while it runs; the engine adds execution, step and node. */
export type NodeEvent =
  | { type: 'execution:output'; chunk: string }
  | { type: 'execution:thinking'; chunk: string }
  | { type: 'execution:tool-call'; toolId: string; toolName: string; toolArgs: Json }
  | { type: 'execution:tool-result'; toolId: string; result: Json; isError: boolean };

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
  readonly nodeId: string;
  readonly stepId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** `data.config`, templates filled in, parsed by the handler's schema. */
  readonly config: Config;
  /** The execution's input. */
  readonly input: Json;
  /** Outputs of the node's parents, by node id. */
  readonly inputs: Readonly<Record<string, Json>>;
  /** Aborts on cancel, timeout, failure of the execution, or shutdown: stop and throw. */
  readonly signal: AbortSignal;
  /**
   * Says something to the watchers. Await it before going on: while the execution is paused, or its
   * events are not yet committed fast enough, the promise waits. Throws once `signal` is aborted.
   */
  emit(event: NodeEvent): Promise<void>;
  /**
   * Counts tokens of one model call towards usage, cost and limits. Same rule as `emit`. Fractions are rounded up;
   * a negative number, and one above 10^12, counts as 0.
   * @param model full name, such as `anthropic/claude-sonnet-4-5`
   */
  countTokens(model: string, usage: { input: number; output: number }): Promise<void>;
  /**
   * Waits for a person's decision on this node; survives restarts. Waiting counts towards no time limit; also across a
   * restart if the node type says `asks`.
   */
  decision(): Promise<ApprovalDecision>;
  /**
   * Waits for something that is not the node's own work, such as a free place among the server's workers. This time does
   * not count towards the time limit of the node.
   */
  untimed<T>(wait: () => Promise<T>): Promise<T>;
}

/** One check of a posted workflow, the same object for all its nodes. */
export interface ConfigCheck {
  readonly projectId: string;
}

/** Something wrong with a config. */
export interface ConfigProblem {
  /** Inside `data.config`. */
  path: (string | number)[];
  message: string;
  /** The code that the request is refused with, unless it is `validation_failed`. */
  code?: string;
}

/**
 * Runs nodes of one type. Any Nest provider with `@NodeHandler('type')` is one; another team adds a
 * type in its own module. `run` is called again, from the start, when an attempt failed for a reason
 * that may pass or when the process died under it.
 */
export interface NodeType<Config = unknown> {
  /** What `data.config` must hold. Checked when an execution is posted and, templates filled in, before each run. */
  readonly config: z.ZodType<Config>;
  /**
   * Whether its nodes wait for a person's `decision()`: true if they do whenever they run, false if never. Left out,
   * they may: then a decision is taken for a node of it that runs, and kept until the node asks.
   */
  readonly asks?: boolean;
  /**
   * Finds problems that only other parts of the server can tell, such as a model that is not configured. Called when an
   * execution is posted.
   */
  check?(config: Config, check: ConfigCheck): ConfigProblem[] | Promise<ConfigProblem[]>;
  /**
   * @returns the node's output
   * @throws TransientError to be tried again, NodeError or any other to fail the execution
   */
  run(run: NodeRun<Config>): Promise<Json>;
}

/** The node failed for good. `code` goes out in `execution:failed`. */
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

/** The node failed for a reason that may pass: a timeout, 429, 5xx, a reset. It is tried again, with backoff. */
export class TransientError extends NodeError {
  override readonly name = 'TransientError';

  constructor(
    code: string,
    message: string,
    /** What the other side asked for (`Retry-After`), in ms. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

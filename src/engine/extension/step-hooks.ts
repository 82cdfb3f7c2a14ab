import type { ExecutionFailure, Json, Workflow } from '@cloutagent/contract';
import { NodeError, type NodeEvent } from './node-handler.js';
import type { ToolCall, ToolResult } from './tool-hooks.js';

/** An execution, as interceptors see it. */
export interface InterceptedExecution {
  readonly executionId: string;
  readonly projectId: string;
  readonly tags: readonly string[];
  /** Id of the principal that started the execution. */
  readonly createdBy: string;
  /** Frozen. */
  readonly input: Json;
  /** Frozen. */
  readonly workflow: Workflow;
}

/** One attempt at one node, as interceptors see it. */
export interface InterceptedStep {
  readonly executionId: string;
  readonly projectId: string;
  readonly tags: readonly string[];
  readonly createdBy: string;
  readonly nodeId: string;
  readonly nodeType: string;
  readonly stepId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborts on cancel, timeout, failure of the execution, or shutdown. */
  readonly signal: AbortSignal;
}

/** How an execution ended. */
export interface ExecutionOutcome {
  readonly status: 'completed' | 'failed' | 'cancelled';
  /** The output of a completed execution. */
  readonly output?: Json;
  /** The failure of a failed execution. */
  readonly error?: ExecutionFailure;
}

/** The failure of a step, as it is recorded. */
export interface StepFailure {
  readonly code: string;
  readonly message: string;
}

/** A workflow that was refused, or a config that does not fit the schema of its node type. */
export interface ValidationFailure {
  readonly projectId: string;
  /** The node whose config is wrong after its placeholders were filled in; undefined for a workflow that was posted. */
  readonly step?: InterceptedStep;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

/**
 * What an interceptor may do around executions and steps, before anything reaches the journal. Every method is optional.
 * A method that gets a value returns the value to use, changed or not; it may change it in place.
 *
 * Several interceptors nest: the first by `order` sees what goes into a step first (`beforeExecution`, `config`,
 * `beforeToolCall`) and what comes out of it last (`event`, `output`, `afterToolCall`, `onError`, `afterExecution`).
 *
 * A method refuses by throwing a `StepRefusedError` or another `NodeError`; after a `TransientError` the step runs again.
 * Any other error, a value that is not JSON, and a call that takes longer than `EXTENSION_TIMEOUT_MS` fail the step as
 * `interceptor_failed`: nothing that an interceptor did not see is recorded. The log then names the interceptor's module.
 *
 * The workflow of the execution stays as it was posted: what `config` returns is not stored.
 */
export interface StepHooks {
  /**
   * Called before the first step of an execution, and again only if the process died before that step. A refusal fails the
   * execution, and no node runs.
   */
  beforeExecution?(execution: InterceptedExecution): void | Promise<void>;
  /**
   * Called after the end of an execution is recorded, in the process that ran it. It is not repeated after a crash; a
   * durable listener is. An error is logged and has no other effect.
   */
  afterExecution?(execution: InterceptedExecution, outcome: ExecutionOutcome): void | Promise<void>;
  /**
   * Called before each attempt at a node, with its config after the placeholders are filled in. What it returns must fit
   * the schema of the node type.
   */
  config?(step: InterceptedStep, config: Record<string, unknown>): unknown;
  /**
   * Called with each event that a node emits, also with each chunk of text. It is synchronous, so that events keep their
   * order. A chunk may end inside a word, so a search that looks at one chunk at a time can miss text that two chunks
   * share.
   * @returns the event to record, or null to record none
   */
  event?(step: InterceptedStep, event: NodeEvent): NodeEvent | null;
  /** Called with the output of a node. Later nodes and the journal get what it returns. */
  output?(step: InterceptedStep, output: Json): Json | Promise<Json>;
  /**
   * Called before a model's call of a tool is recorded and carried out. A refusal is what the model gets as the result of
   * the call, which is an error.
   * @returns the arguments to use
   */
  beforeToolCall?(step: InterceptedStep, call: ToolCall): Json | Promise<Json>;
  /** Called with the result of a tool, before the model gets it and before it is recorded. */
  afterToolCall?(step: InterceptedStep, call: ToolCall, result: ToolResult): ToolResult | Promise<ToolResult>;
  /**
   * Called when an attempt at a node has failed, before that is recorded. The log of the server keeps the original error.
   * Whether the step runs again does not change.
   */
  onError?(step: InterceptedStep, failure: StepFailure): StepFailure | Promise<StepFailure>;
  /** Called after a posted workflow, or a filled-in config, was refused. An error is logged and has no other effect. */
  onValidationFailure?(failure: ValidationFailure): void | Promise<void>;
}

/**
 * Thrown by an interceptor to refuse a step, an execution or a call of a tool.
 * @example
 * ```ts
 * throw new StepRefusedError('Project demo may not call the model "o1".');
 * ```
 */
export class StepRefusedError extends NodeError {
  override readonly name = 'StepRefusedError';

  /**
   * @param message a sentence for the person who started the execution
   * @param code the failure code in `execution:failed`
   */
  constructor(message: string, code = 'step_refused', options?: ErrorOptions) {
    super(code, message, options);
  }
}

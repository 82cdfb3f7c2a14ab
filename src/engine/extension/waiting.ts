import type {
  ExecutionFailure,
  ExecutionStatus,
  Json,
  Workflow,
  WorkflowVersionRef,
} from '@cloutagent/contract';

/** What a node waits for, other than child executions. */
export type WaitRequest = ApprovalRequest | SignalRequest | TimerRequest | ToolApprovalRequest;

interface KeyedRequest {
  /**
   * Names the wait inside its node, with 1 to 128 letters, digits and `.`, `_`, `:`, `-`. Default: the kind. Two waits of
   * one node need different keys.
   */
  key?: string;
}

interface ExpiringRequest {
  /** The wait expires after this time, in ms. Without it, the wait never expires. */
  expiresInMs?: number | undefined;
}

/** Waits for a person's answer. */
export interface ApprovalRequest extends KeyedRequest, ExpiringRequest {
  kind: 'approval';
  /** The question for the person. */
  message?: string | undefined;
  /** JSON Schema of a form. The person's `values` fit it. */
  schema?: Record<string, unknown> | undefined;
  /** Ids of the principals that may answer. Without it, every principal that may control the execution. */
  assignees?: readonly string[] | undefined;
}

/** Waits for a signal: `POST /api/executions/:id/signals/:name`. */
export interface SignalRequest extends KeyedRequest, ExpiringRequest {
  kind: 'signal';
  signal: string;
  /** JSON Schema of the signal's body. */
  schema?: Record<string, unknown> | undefined;
}

/** Waits for a time, by the clock of the database and to the second. */
export interface TimerRequest extends KeyedRequest {
  kind: 'timer';
  /** How long to wait, in ms, or when the timer fires (ISO 8601). Exactly one of the two. */
  ms?: number | undefined;
  until?: string | undefined;
}

/** Waits for a person's consent to a call of a tool. */
export interface ToolApprovalRequest extends KeyedRequest, ExpiringRequest {
  kind: 'tool';
  toolName: string;
  toolArgs: Json;
  message?: string | undefined;
  assignees?: readonly string[] | undefined;
}

/** How a wait of each kind ended. */
export interface WaitResults {
  approval:
    | { outcome: 'answered'; approved: boolean; by: string; comment: string | null; values: Json }
    | { outcome: 'expired' };
  signal: { outcome: 'signalled'; body: Json; by: string } | { outcome: 'expired' };
  timer: { outcome: 'fired' };
  tool:
    | { outcome: 'answered'; action: 'approve'; args: Json; by: string; reason: string | null }
    | { outcome: 'answered'; action: 'deny'; by: string; reason: string | null }
    | { outcome: 'expired' };
}
export type WaitResult<Kind extends WaitRequest['kind'] = WaitRequest['kind']> = WaitResults[Kind];

/** Child executions of one node, which run until all have ended. */
export interface ChildrenRequest {
  /**
   * Names the wait inside its node. Each call with the same key returns the same children. After a retry of the node, the
   * children that did not complete run again.
   */
  key: string;
  workflow: Workflow;
  /** The saved workflow that `workflow` is a version of. */
  savedAs?: WorkflowVersionRef | undefined;
  /** The input of each child. */
  inputs: readonly Json[];
  /** Index of the first child. Default 0. A child is identified by its node and its index. */
  firstIndex?: number;
  /** How many of them run at once. Default: all. */
  concurrency?: number;
  /** fail: the first failure cancels the other children. collect: all run to their end. Default fail. */
  onError?: 'fail' | 'collect';
}

/** How a child execution ended. */
export interface ChildResult {
  readonly executionId: string;
  readonly index: number;
  readonly status: Extract<ExecutionStatus, 'completed' | 'failed' | 'cancelled'>;
  /** Only of a completed child. */
  readonly output?: Json;
  /** Only of a child that did not complete. */
  readonly error?: ExecutionFailure;
}

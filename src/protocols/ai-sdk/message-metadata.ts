import type { ExecutionStatus } from '@cloutagent/contract';

/** What the metadata of an assistant message says about its execution. Later parts replace earlier ones, member by member. */
export interface MessageMetadata {
  executionId?: string;
  /** The saved workflow, such as `support@3`. */
  workflow?: string;
  /** ISO 8601. */
  createdAt?: string;
  status?: ExecutionStatus;
  /** The event after which an answer of the client continues. Only while the execution waits for the client. */
  sequence?: number;
  progress?: { completedSteps: number; totalSteps: number; percent: number };
  /** Running totals of all calls of models. */
  usage?: { inputTokens: number; outputTokens: number; totalTokens: number };
  /** null if the price of a model is unknown. */
  costUSD?: number | null;
  error?: { message: string; code: string; nodeId?: string };
}

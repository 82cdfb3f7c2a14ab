import type { ExecutionState, WorkflowNode } from '@cloutagent/contract';
import { backoffMs } from '../../common/backoff.js';
import type { Settings } from '../../config/settings.js';
import type { ExecutionRow } from '../execution-row.js';
import { RepeatNowError } from '../extension/agent-run.js';
import { NodeError, TransientError } from '../extension/node-handler.js';

/** Retries of a node if neither the node nor the options of the execution say how many. */
export const DEFAULT_MAX_RETRIES = 2;

/**
 * Counts the attempts at a node that have failed. Those that the death of a process cut off have no code; after an answer that
 * does not fit its schema, the model only corrects it.
 */
export const failuresOf = (nodeId: string, { steps }: ExecutionState): number =>
  steps.filter(
    (step) =>
      step.nodeId === nodeId &&
      step.status === 'retrying' &&
      step.code !== undefined &&
      step.code !== 'output_invalid',
  ).length;

/** Decides whether a failed attempt of a node is repeated, and when. */
export class NodeRetries {
  private readonly maxRetries: number;
  /** Whether the node waits for a person when it fails and no retry is left. */
  readonly waitsWhenExhausted: boolean;

  constructor(
    private readonly node: WorkflowNode,
    { options }: ExecutionRow,
    private readonly settings: Pick<Settings, 'RETRY_BASE_MS' | 'RETRY_MAX_MS' | 'RETRY_AFTER_MAX_MS'>,
  ) {
    const { retry, maxRetries, onExhausted } = node.data;
    this.maxRetries = retry?.maxRetries ?? maxRetries ?? options.maxRetries ?? DEFAULT_MAX_RETRIES;
    this.waitsWhenExhausted = (retry?.onExhausted ?? onExhausted) === 'wait';
  }

  /**
   * Returns how long to wait before the next attempt, in ms; undefined if there is none. The attempts that a crash cut off do
   * not count as retries.
   */
  delayMs(error: unknown, state: ExecutionState): number | undefined {
    if (error instanceof RepeatNowError) return 0;
    if (!this.isRepeatable(error)) return undefined;
    const retries = failuresOf(this.node.id, state);
    if (retries >= this.maxRetries) return undefined;
    const { RETRY_BASE_MS, RETRY_MAX_MS, RETRY_AFTER_MAX_MS } = this.settings;
    const { baseMs = RETRY_BASE_MS, maxMs } = this.node.data.retry ?? {};
    const backoff = backoffMs(retries + 1, baseMs, maxMs ?? RETRY_MAX_MS);
    const requested = (error instanceof TransientError && error.retryAfterMs) || 0;
    return Math.round(Math.max(backoff, Math.min(requested, maxMs ?? RETRY_AFTER_MAX_MS)));
  }

  private isRepeatable(error: unknown): boolean {
    const { on } = this.node.data.retry ?? {};
    if (!on) return error instanceof TransientError;
    return error instanceof NodeError && on.includes(error.code);
  }
}

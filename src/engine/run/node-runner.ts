import type { Json, WorkflowNode } from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../common/backoff.js';
import { causeOf } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { type ApprovalDecision, TransientError } from '../extension/node-handler.js';
import { Approvals } from './approvals.js';
import { NodeAttempt } from './node-attempt.js';
import type { NodeScope } from './node-scope.js';
import { elapsedMs, type RunningStep, stepEvent } from './step-events.js';

const DEFAULT_RETRIES = 2;

/** Runs the nodes of one execution, each with as many attempts as it may have. */
export class NodeRunner {
  private readonly logger = new Logger(NodeRunner.name);
  /** Steps that have begun and whose end is not recorded yet, by node id. */
  readonly runningSteps = new Map<string, RunningStep>();
  /** Number of nodes that wait for a person. */
  waitingNodes = 0;
  private readonly attempts = new Set<NodeAttempt>();
  private readonly approvals = new Approvals();

  constructor(private readonly scope: NodeScope) {}

  /** Stops the clocks of all time limits until `resume`. The pause gate stops the handlers. */
  pause(): void {
    for (const attempt of this.attempts) attempt.pause();
  }

  resume(): void {
    for (const attempt of this.attempts) attempt.resume();
  }

  decide(nodeId: string, decision: ApprovalDecision): void {
    this.approvals.decide(nodeId, decision);
  }

  /**
   * Runs a node until it succeeds, fails permanently, or has no attempt left. The caller must record the end of the last
   * step.
   * @returns the node's output
   * @throws the error of the last attempt
   */
  async run(node: WorkflowNode): Promise<Json> {
    const { row, log, settings, pauseGate, stopSignal } = this.scope;
    const retries = node.data.maxRetries ?? row.options.maxRetries ?? DEFAULT_RETRIES;
    const earlierAttempts = log.state.steps.filter((step) => step.nodeId === node.id).length;
    for (let tries = 1; ; tries += 1) {
      while (!pauseGate.isOpen) await pauseGate.pass(stopSignal);
      stopSignal.throwIfAborted();
      const step = {
        node,
        stepId: randomUUID(),
        attempt: earlierAttempts + tries,
        startedAt: performance.now(),
      };
      this.runningSteps.set(node.id, step);
      log.record([stepEvent(step, 'running')]);
      try {
        return await this.attempt(step);
      } catch (error) {
        if (stopSignal.aborted || !(error instanceof TransientError) || tries > retries) throw error;
        while (!pauseGate.isOpen) await pauseGate.pass(stopSignal);
        this.logger.log(`an attempt failed and will be repeated: ${error.message}`, ...causeOf(error), {
          executionId: row.id,
          nodeId: node.id,
          nodeType: node.type,
          stepId: step.stepId,
          attempt: step.attempt,
          code: error.code,
        });
        const delayMs = backoffMs(tries, settings.RETRY_BASE_MS, settings.RETRY_MAX_MS, error.retryAfterMs);
        this.runningSteps.delete(node.id);
        log.record([
          stepEvent(step, 'retrying', { error: error.message, duration: elapsedMs(step) }),
          {
            type: 'execution:retry',
            fields: { nodeId: node.id, attempt: step.attempt + 1, delayMs, error: error.message },
          },
        ]);
        await sleep(delayMs, undefined, { signal: stopSignal });
      }
    }
  }

  private async attempt(step: RunningStep): Promise<Json> {
    const attempt = new NodeAttempt(this.scope, step, this.approvals, (isWaiting) => {
      this.waitingNodes += isWaiting ? 1 : -1;
      this.scope.onWaitingChanged();
    });
    this.attempts.add(attempt);
    try {
      return await attempt.run();
    } finally {
      this.attempts.delete(attempt);
    }
  }
}

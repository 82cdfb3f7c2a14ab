import type { EventDraft, Json } from '@cloutagent/contract';
import { messageOf } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { inContext } from '../../logging/work-context.js';
import {
  type ApprovalDecision,
  NodeError,
  type NodeEvent,
  type NodeRun,
  type NodeType,
  TransientError,
} from '../extension/node-handler.js';
import { fill } from '../extension/template.js';
import type { Approvals } from './approvals.js';
import type { NodeScope } from './node-scope.js';
import { PausableTimeout } from './pausable-timeout.js';
import type { RunningStep } from './step-events.js';
import { StoppedError } from './stopped-error.js';
import { exceededLimit, usageEvents } from './usage.js';

/** One attempt at one node: its time limit, its abort signal, and the `NodeRun` that the handler gets. */
export class NodeAttempt {
  private static readonly logger = new Logger(NodeAttempt.name);
  private readonly limitMs: number;
  private readonly timeLimit: PausableTimeout;
  private readonly abortController = new AbortController();
  /** Aborts when the time limit is reached, when all nodes must stop, and when the attempt has ended. */
  private readonly signal: AbortSignal;
  /** Rejects when the attempt fails although its handler is still running. */
  private readonly failure = Promise.withResolvers<never>();
  /** Whether the handler waits for something that does not count towards the time limit. */
  private isUntimed = false;

  /** @param onWaiting called when the node begins or stops to wait for a person */
  constructor(
    private readonly scope: NodeScope,
    private readonly step: RunningStep,
    private readonly approvals: Approvals,
    private readonly onWaiting: (isWaiting: boolean) => void,
  ) {
    this.limitMs = step.node.data.timeoutMs ?? scope.settings.NODE_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(this.limitMs, () => this.onTimeLimit());
    this.signal = AbortSignal.any([scope.stopSignal, this.abortController.signal]);
    this.failure.promise.catch(() => undefined);
  }

  /**
   * Runs the node's handler once.
   * @returns the node's output
   * @throws the error of the handler; NodeError for an invalid config or output; TransientError `node_timeout`
   */
  async run(): Promise<Json> {
    const { row, pauseGate, budget } = this.scope;
    const { node, stepId } = this.step;
    try {
      const { handler, config } = this.prepare();
      if (pauseGate.isOpen) this.timeLimit.resume();
      const members = { executionId: row.id, nodeId: node.id, stepId };
      const onStray = (error: unknown) => this.onUnhandledError(error, members);
      const nodeRun = this.nodeRun(config);
      const running = inContext({ members, onStray }, () => handler.run(nodeRun));
      return budget.admit((await Promise.race([running, this.failure.promise])) ?? null);
    } finally {
      this.timeLimit.pause();
      this.abortController.abort(new StoppedError('the attempt has ended'));
    }
  }

  /** Stops the clock of the time limit, because the execution is paused. */
  pause(): void {
    if (!this.isUntimed) this.timeLimit.pause();
  }

  resume(): void {
    if (!this.isUntimed && !this.signal.aborted) this.timeLimit.resume();
  }

  private prepare(): { handler: NodeType; config: unknown } {
    const { row, registry, outputs, settings } = this.scope;
    const { node } = this.step;
    const handler = registry.find(node.type);
    if (!handler)
      throw new NodeError(
        'unknown_node_type',
        `This server has no node type "${node.type}". Install the module that provides it, or change the node's type.`,
      );
    const parsed = handler.config.safeParse(
      fill(node.data.config, row.input, outputs, settings.CONFIG_MAX_BYTES),
    );
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new NodeError(
        'invalid_config',
        `The config is not valid after its placeholders were filled in: ${issue.path.join('.')}: ${issue.message}`,
      );
    }
    return { handler, config: parsed.data };
  }

  private onTimeLimit(): void {
    const error = new TransientError(
      'node_timeout',
      `The node took longer than its limit of ${this.limitMs} ms.`,
    );
    this.abortController.abort(error);
    this.failure.reject(error);
  }

  /**
   * Handles an error that the node's code did not catch. It fails the attempt while that runs, and the execution if the
   * attempt has ended.
   */
  private onUnhandledError(error: unknown, members: Record<string, string>): void {
    const { stopSignal, onFailure } = this.scope;
    const hasEnded = this.signal.aborted;
    if (!hasEnded) this.failure.reject(error);
    // The node did not await a promise of the engine, and that promise was rejected to stop the node.
    if (error instanceof StoppedError || (hasEnded && error === this.signal.reason)) return;
    NodeAttempt.logger.error('the code of a node did not handle an error', error, members);
    if (!hasEnded || stopSignal.aborted) return;
    const message = `The node failed: ${messageOf(error)}`;
    onFailure({ code: 'node_failed', message, nodeId: this.step.node.id });
  }

  /** Makes the handler's view of the attempt. */
  private nodeRun(config: unknown): NodeRun<unknown> {
    const { row, graph, outputs, budget } = this.scope;
    const { node, stepId, attempt } = this.step;
    return {
      executionId: row.id,
      projectId: row.project_id,
      nodeId: node.id,
      stepId,
      attempt,
      config,
      input: row.input,
      inputs: Object.fromEntries(graph.parentsOf(node.id).map((id) => [id, outputs.get(id)!])),
      signal: this.signal,
      emit: (event: NodeEvent) =>
        handled(
          this.record(() => {
            const { type, ...fields } = event;
            for (const field of Object.values(fields)) budget.checkDepth(field);
            return [{ type, fields: { ...fields, stepId, nodeId: node.id } } as EventDraft];
          }),
        ),
      countTokens: (model, usage) => handled(this.countTokens(model, usage)),
      decision: () => handled(this.waitForPerson()),
      untimed: (wait) => handled(this.untimed(wait)),
    };
  }

  /** Records events when the execution is not paused, and waits while too many events are not committed yet. */
  private async record(drafts: () => EventDraft[]): Promise<void> {
    const { pauseGate, log } = this.scope;
    this.signal.throwIfAborted();
    while (!pauseGate.isOpen) await pauseGate.pass(this.signal);
    log.record(drafts());
    await log.waitForCapacity();
    this.signal.throwIfAborted();
  }

  private async countTokens(model: string, usage: { input: number; output: number }): Promise<void> {
    const { row, log, priceOf, onFailure } = this.scope;
    const nodeId = this.step.node.id;
    await this.record(() => usageEvents(log.state, nodeId, model, usage, priceOf));
    const exceeded = exceededLimit(row.options.limits ?? {}, log.state);
    if (exceeded) onFailure({ ...exceeded, nodeId });
    this.signal.throwIfAborted();
  }

  /** Waits while the clock of the attempt's time limit is stopped. */
  private async untimed<T>(wait: () => Promise<T>): Promise<T> {
    this.timeLimit.pause();
    this.isUntimed = true;
    try {
      return await wait();
    } finally {
      this.isUntimed = false;
      if (!this.signal.aborted && this.scope.pauseGate.isOpen) this.timeLimit.resume();
    }
  }

  /** Waits for a decision. A person may take days, so this counts towards no time limit. */
  private async waitForPerson(): Promise<ApprovalDecision> {
    this.onWaiting(true);
    try {
      return await this.untimed(() => this.approvals.wait(this.step.node.id, this.signal));
    } finally {
      this.onWaiting(false);
    }
  }
}

/**
 * Marks a promise as handled. When a node is stopped, the engine's promises reject; if the handler does not await one, that
 * is not an unhandled error of its code.
 */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

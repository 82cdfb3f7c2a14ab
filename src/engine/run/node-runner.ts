import type { EventDraft, ExecutionFailure, Json, WorkflowGraph, WorkflowNode } from '@cloutagent/contract';
import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../../config/settings.js';
import { causeOf, messageOf } from '../../logging/error-info.js';
import { inContext } from '../../logging/work-context.js';
import { Approvals } from './approvals.js';
import { backoffMs } from '../../common/backoff.js';
import type { ExecutionLog } from './execution-log.js';
import type { ExecutionRow } from '../execution-row.js';
import type { PauseGate } from './pause-gate.js';
import {
  type ApprovalDecision,
  NodeError,
  type NodeEvent,
  type NodeRun,
  TransientError,
} from '../extension/node-handler.js';
import type { NodeRegistry } from '../extension/node-registry.js';
import type { OutputBudget } from './output-budget.js';
import { PausableTimeout } from './pausable-timeout.js';
import { elapsed, type OpenStep, stepEvent } from './step-events.js';
import { fill } from '../extension/template.js';
import { exceededLimit, type PriceOf, usageEvents } from './usage.js';

/** Why everything under way stops: the execution is at its end here, or goes on elsewhere. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** The execution that nodes run for. */
export interface NodeScope {
  readonly row: ExecutionRow;
  readonly graph: WorkflowGraph;
  readonly log: ExecutionLog;
  readonly registry: NodeRegistry;
  readonly priceOf: PriceOf;
  readonly settings: Settings;
  /** Closed while the execution is paused. */
  readonly gate: PauseGate;
  /** Aborts when everything under way stops. */
  readonly stopped: AbortSignal;
  /** Of the nodes that are done, by node id. */
  readonly outputs: ReadonlyMap<string, Json>;
  readonly budget: OutputBudget;
  /** Told when `waiting` has changed. */
  readonly onWaiting: () => void;
  /** Called when the execution has to fail, whatever its nodes do: it has used more than it may, for example. */
  readonly onFailure: (failure: ExecutionFailure) => void;
}

const DEFAULT_RETRIES = 2;

/** Runs the nodes of one execution: each with its attempts, their time limits and what their handlers see. */
export class NodeRunner {
  private readonly logger = new Logger(NodeRunner.name);
  /** Steps that have begun and whose end is not recorded, by node id. */
  readonly open = new Map<string, OpenStep>();
  /** Of the attempts under way; they stand still during a pause. */
  private readonly timeouts = new Set<PausableTimeout>();
  private readonly approvals = new Approvals();
  /** Nodes that wait for a person. */
  waiting = 0;

  constructor(private readonly scope: NodeScope) {}

  /** Time limits stand still until `resume`; the gate keeps handlers from going on. */
  pause(): void {
    for (const timeout of this.timeouts) timeout.pause();
  }

  resume(): void {
    for (const timeout of this.timeouts) timeout.resume();
  }

  decide(nodeId: string, decision: ApprovalDecision): void {
    this.approvals.decide(nodeId, decision);
  }

  /**
   * Tries until the node is done, as often as it may. The end of its last step is left for the caller to record.
   * @returns the node's output
   */
  async run(node: WorkflowNode): Promise<Json> {
    const { row, log, settings, gate, stopped } = this.scope;
    const retries = node.data.maxRetries ?? row.options.maxRetries ?? DEFAULT_RETRIES;
    const before = log.state.steps.filter((step) => step.nodeId === node.id).length;
    for (let tries = 1; ; tries += 1) {
      while (!gate.isOpen) await gate.pass(stopped);
      stopped.throwIfAborted();
      const step = { node, stepId: randomUUID(), attempt: before + tries, startedAt: performance.now() };
      this.open.set(node.id, step);
      log.record([stepEvent(step, 'running')]);
      try {
        return await this.attempt(step);
      } catch (error) {
        if (stopped.aborted || !(error instanceof TransientError) || tries > retries) throw error;
        while (!gate.isOpen) await gate.pass(stopped);
        this.logger.log(`an attempt failed and is repeated: ${error.message}`, ...causeOf(error), {
          executionId: row.id,
          nodeId: node.id,
          nodeType: node.type,
          stepId: step.stepId,
          attempt: step.attempt,
          code: error.code,
        });
        const delayMs = backoffMs(tries, settings.RETRY_BASE_MS, settings.RETRY_MAX_MS, error.retryAfterMs);
        this.open.delete(node.id);
        log.record([
          stepEvent(step, 'retrying', { error: error.message, duration: elapsed(step) }),
          {
            type: 'execution:retry',
            fields: { nodeId: node.id, attempt: step.attempt + 1, delayMs, error: error.message },
          },
        ]);
        await sleep(delayMs, undefined, { signal: stopped });
      }
    }
  }

  private async attempt(step: OpenStep): Promise<Json> {
    const { row, registry, settings, gate, stopped, outputs, budget } = this.scope;
    const { node } = step;
    const handler = registry.find(node.type);
    if (!handler) throw new NodeError('unknown_node_type', `This server has no node type "${node.type}".`);
    const parsed = handler.config.safeParse(
      fill(node.data.config, row.input, outputs, settings.CONFIG_MAX_BYTES),
    );
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new NodeError(
        'invalid_config',
        `Filled in, the config is not valid: ${issue.path.join('.')}: ${issue.message}`,
      );
    }
    const limit = node.data.timeoutMs ?? settings.NODE_TIMEOUT_MS;
    const timedOut = new AbortController();
    const broken = Promise.withResolvers<never>();
    const timeout = new PausableTimeout(limit, () => {
      const error = new TransientError('node_timeout', `The node took longer than its limit of ${limit} ms.`);
      timedOut.abort(error);
      broken.reject(error);
    });
    broken.promise.catch(() => undefined);
    this.timeouts.add(timeout);
    if (gate.isOpen) timeout.resume();
    const signal = AbortSignal.any([stopped, timedOut.signal]);
    try {
      const members = { executionId: row.id, nodeId: node.id, stepId: step.stepId };
      const onStray = (error: unknown) => {
        if (!signal.aborted) broken.reject(error);
        this.stray(node.id, members, error, signal);
      };
      const nodeRun = this.nodeRun(step, parsed.data, signal, timeout);
      const running = inContext({ members, onStray }, () => handler.run(nodeRun));
      return budget.admit((await Promise.race([running, broken.promise])) ?? null);
    } finally {
      timeout.pause();
      this.timeouts.delete(timeout);
      timedOut.abort(new StoppedError('the attempt is over'));
    }
  }

  /** What the code of a node left unhandled. While its attempt is under way, that fails; later, the execution. */
  private stray(nodeId: string, members: Record<string, string>, error: unknown, signal: AbortSignal): void {
    // It did not wait for a promise of ours, and has been stopped.
    if (error instanceof StoppedError || (signal.aborted && error === signal.reason)) return;
    this.logger.error("an error of a node's code was not handled", error, members);
    if (!signal.aborted || this.scope.stopped.aborted) return;
    this.scope.onFailure({ code: 'node_failed', message: `The node failed: ${messageOf(error)}`, nodeId });
  }

  /** The attempt as its handler sees it. */
  private nodeRun(
    { node, stepId, attempt }: OpenStep,
    config: unknown,
    signal: AbortSignal,
    timeout: PausableTimeout,
  ): NodeRun<unknown> {
    const { row, graph, log, priceOf, gate, outputs, budget, onFailure } = this.scope;
    const say = async (drafts: () => EventDraft[]): Promise<void> => {
      signal.throwIfAborted();
      while (!gate.isOpen) await gate.pass(signal);
      log.record(drafts());
      await log.waitForCapacity();
      signal.throwIfAborted();
    };
    const countTokens: NodeRun<unknown>['countTokens'] = async (model, usage) => {
      await say(() => usageEvents(log.state, node.id, model, usage, priceOf));
      const exceeded = exceededLimit(row.options.limits ?? {}, log.state);
      if (exceeded) onFailure({ ...exceeded, nodeId: node.id });
      signal.throwIfAborted();
    };
    return {
      executionId: row.id,
      projectId: row.project_id,
      nodeId: node.id,
      stepId,
      attempt,
      config,
      input: row.input,
      inputs: Object.fromEntries(graph.parentsOf(node.id).map((id) => [id, outputs.get(id)!])),
      signal,
      emit: (event: NodeEvent) =>
        handled(
          say(() => {
            const { type, ...fields } = event;
            for (const field of Object.values(fields)) budget.checkDepth(field);
            return [{ type, fields: { ...fields, stepId, nodeId: node.id } } as EventDraft];
          }),
        ),
      countTokens: (model, usage) => handled(countTokens(model, usage)),
      decision: () => handled(this.waitForPerson(node.id, signal, timeout)),
      untimed: (wait) => handled(this.untimed(wait, signal, timeout)),
    };
  }

  /** The attempt's time limit stands still meanwhile. */
  private async untimed<T>(
    wait: () => Promise<T>,
    signal: AbortSignal,
    timeout: PausableTimeout,
  ): Promise<T> {
    timeout.pause();
    this.timeouts.delete(timeout);
    try {
      return await wait();
    } finally {
      if (!signal.aborted) {
        this.timeouts.add(timeout);
        if (this.scope.gate.isOpen) timeout.resume();
      }
    }
  }

  /** A person may take days: waiting for one counts towards no time limit. */
  private async waitForPerson(
    nodeId: string,
    signal: AbortSignal,
    timeout: PausableTimeout,
  ): Promise<ApprovalDecision> {
    const { onWaiting } = this.scope;
    this.waiting += 1;
    onWaiting();
    try {
      return await this.untimed(() => this.approvals.wait(nodeId, signal), signal, timeout);
    } finally {
      this.waiting -= 1;
      onWaiting();
    }
  }
}

/** A promise of ours that a handler does not wait for rejects when the node is stopped: that is no error of its code. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

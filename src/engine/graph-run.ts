import {
  type EventDraft,
  type ExecutionFailure,
  type Json,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../config/settings.js';
import { Approvals } from './approvals.js';
import { backoffMs } from './backoff.js';
import type { ExecutionLog } from './execution-log.js';
import { Gate } from './gate.js';
import {
  type ApprovalDecision,
  NodeError,
  type NodeEvent,
  type NodeRun,
  TransientError,
} from './node-handler.js';
import type { NodeRegistry } from './node-registry.js';
import { PausableTimeout } from './pausable-timeout.js';
import { type ExecutionRow, toExecution } from './execution-row.js';
import { attribution, elapsed, type OpenStep, stepEvent } from './step-events.js';
import { fill } from './template.js';
import { exceededLimit, type PriceOf, usageEvents } from './usage.js';

/** Why everything under way stops: the execution is at its end here, or goes on elsewhere. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

const DEFAULT_RETRIES = 2;

/** One execution while this process owns it: runs the graph and keeps the journal. */
export class GraphRun {
  private readonly graph: WorkflowGraph;
  private readonly gate = new Gate();
  private readonly abort = new AbortController();
  private readonly outputs = new Map<string, Json>();
  private readonly started = new Set<string>();
  private readonly open = new Map<string, OpenStep>();
  /** Of the attempts under way; they stand still during a pause. */
  private readonly timeouts = new Set<PausableTimeout>();
  private readonly timeLimit: PausableTimeout;
  private readonly approvals = new Approvals();
  private readonly outcome = Promise.withResolvers<'over' | 'released'>();
  private outputBytes = 0;
  private active = 0;
  /** Nodes that wait for a person. */
  private waiting = 0;
  private idle = false;
  private ended = false;

  /**
   * @param spentMs what earlier owners used of the execution's time limit
   * @param onIdle told when it begins or ends to do nothing but wait, for a resume or a person
   */
  constructor(
    private readonly row: ExecutionRow,
    private readonly log: ExecutionLog,
    private readonly registry: NodeRegistry,
    private readonly priceOf: PriceOf,
    private readonly settings: Settings,
    spentMs: number,
    private readonly onIdle: (idle: boolean) => void,
  ) {
    this.graph = new WorkflowGraph(row.workflow);
    const limit = row.options.timeoutMs ?? settings.EXECUTION_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(Math.max(1, limit - spentMs), () =>
      this.fail({
        code: 'execution_timeout',
        message: `The execution took longer than its limit of ${limit} ms.`,
      }),
    );
  }

  /** Goes on from what the journal says is done. The caller has recorded `execution:started`. */
  run(): Promise<'over' | 'released'> {
    for (const step of this.log.state.steps) {
      if (step.status !== 'completed') continue;
      this.outputs.set(step.nodeId, step.output ?? null);
      this.outputBytes += Buffer.byteLength(JSON.stringify(step.output ?? null));
      this.started.add(step.nodeId);
    }
    this.schedule();
    return this.outcome.promise;
  }

  /** Nothing further is emitted or started until `resume`. */
  pause(by: string | null, reason: string | null): void {
    if (this.ended || !this.gate.isOpen) return;
    this.gate.close();
    for (const timeout of this.timeouts) timeout.pause();
    this.runClock();
    this.record([{ type: 'execution:paused', fields: attribution(by, reason) }], { status: 'paused' });
  }

  resume(by: string | null, reason: string | null): void {
    if (this.ended || this.gate.isOpen) return;
    this.record([{ type: 'execution:resumed', fields: attribution(by, reason) }], { status: 'running' });
    for (const timeout of this.timeouts) timeout.resume();
    this.gate.open();
    this.schedule();
  }

  cancel(by: string | null, reason: string | null): void {
    this.end([{ type: 'execution:cancelled', fields: attribution(by, reason) }], { status: 'cancelled' });
  }

  decide(nodeId: string, decision: ApprovalDecision): void {
    this.approvals.decide(nodeId, decision);
  }

  /** Stops without a word in the journal: another process goes on. */
  release(): void {
    if (this.ended) return;
    this.stop('the execution goes on in another process');
    this.outcome.resolve('released');
  }

  private schedule(): void {
    if (this.ended) return;
    for (const node of this.graph.nodes.values()) {
      if (this.active >= this.settings.NODES_IN_PARALLEL) break;
      if (this.started.has(node.id) || !this.graph.parentsOf(node.id).every((id) => this.outputs.has(id)))
        continue;
      this.started.add(node.id);
      this.active += 1;
      void this.runNode(node).then(
        (output) => this.whenOpen(() => this.completed(node, output)),
        (error: unknown) => this.whenOpen(() => this.failed(node, error)),
      );
    }
    if (this.active === 0 && this.outputs.size === this.graph.nodes.size) this.complete();
    this.runClock();
  }

  private completed(node: WorkflowNode, output: Json): void {
    this.active -= 1;
    if (this.ended) return;
    const step = this.open.get(node.id)!;
    this.open.delete(node.id);
    this.outputs.set(node.id, output);
    const [completedSteps, totalSteps] = [this.outputs.size, this.graph.nodes.size];
    this.record([
      stepEvent(step, 'completed', { output, duration: elapsed(step) }),
      {
        type: 'execution:progress',
        fields: { completedSteps, totalSteps, percent: Math.floor((100 * completedSteps) / totalSteps) },
      },
    ]);
    this.schedule();
  }

  private failed(node: WorkflowNode, error: unknown): void {
    this.active -= 1;
    if (this.ended) return;
    const step = this.open.get(node.id);
    const failure = toFailure(error);
    const events: EventDraft[] = step
      ? [stepEvent(step, 'failed', { error: failure.message, duration: elapsed(step) })]
      : [];
    this.open.delete(node.id);
    this.fail({ ...failure, nodeId: node.id }, events);
  }

  private complete(): void {
    const sinks = this.graph.sinks();
    const output =
      sinks.length === 1
        ? this.outputs.get(sinks[0]!)!
        : Object.fromEntries(sinks.map((id) => [id, this.outputs.get(id)!]));
    const completedAt = new Date();
    const state = {
      ...this.log.state,
      status: 'completed' as const,
      lastSequence: this.log.state.lastSequence + 1,
    };
    const result = toExecution(
      { ...this.row, status: 'completed', output, completed_at: completedAt },
      state,
    );
    this.end([{ type: 'execution:completed', fields: { result } }], {
      status: 'completed',
      output,
      at: completedAt.toISOString(),
    });
  }

  private fail(failure: ExecutionFailure, before: EventDraft[] = []): void {
    const { message, code, nodeId } = failure;
    this.end(
      [
        ...before,
        {
          type: 'execution:failed',
          fields: { error: message, code, ...(nodeId !== undefined && { nodeId }) },
        },
      ],
      {
        status: 'failed',
        error: failure,
      },
    );
  }

  /** Records the end, in one append with what is cut off by it, and stops everything. Nothing comes after. */
  private end(events: EventDraft[], projection: Parameters<ExecutionLog['append']>[1]): void {
    if (this.ended) return;
    const cut = [...this.open.values()].map((step) =>
      stepEvent(step, 'skipped', { duration: elapsed(step) }),
    );
    this.open.clear();
    const committed = this.log.append([...cut, ...events], projection);
    this.stop('the execution is over');
    committed.then(
      () => this.outcome.resolve('over'),
      () => this.outcome.resolve('released'),
    );
  }

  private stop(reason: string): void {
    this.ended = true;
    for (const timeout of this.timeouts) timeout.pause();
    this.runClock();
    this.abort.abort(new StoppedError(reason));
  }

  private record(events: EventDraft[], projection?: Parameters<ExecutionLog['append']>[1]): void {
    // A refused append releases the run, through the log's onFailure.
    this.log.append(events, projection).catch(() => undefined);
  }

  /** Does something that watchers see. The look at the gate and the work are one turn: no pause comes between. */
  private async whenOpen(work: () => void): Promise<void> {
    try {
      while (!this.gate.isOpen) await this.gate.pass(this.abort.signal);
    } catch {
      return;
    }
    work();
  }

  /** While all it does is wait, for a resume or for persons, its time limit stands still. */
  private runClock(): void {
    const idle = !this.gate.isOpen || (this.active > 0 && this.waiting === this.active);
    if (this.ended || idle) this.timeLimit.pause();
    else this.timeLimit.resume();
    if (this.ended || idle === this.idle) return;
    this.idle = idle;
    this.onIdle(idle);
  }

  private async runNode(node: WorkflowNode): Promise<Json> {
    const retries = node.data.maxRetries ?? this.row.options.maxRetries ?? DEFAULT_RETRIES;
    const before = this.log.state.steps.filter((step) => step.nodeId === node.id).length;
    for (let tries = 1; ; tries += 1) {
      while (!this.gate.isOpen) await this.gate.pass(this.abort.signal);
      this.abort.signal.throwIfAborted();
      const step = { node, stepId: randomUUID(), attempt: before + tries, startedAt: performance.now() };
      this.open.set(node.id, step);
      this.record([stepEvent(step, 'running')]);
      try {
        return await this.attempt(node, step);
      } catch (error) {
        if (this.ended || !(error instanceof TransientError) || tries > retries) throw error;
        while (!this.gate.isOpen) await this.gate.pass(this.abort.signal);
        const delayMs = backoffMs(
          tries,
          this.settings.RETRY_BASE_MS,
          this.settings.RETRY_MAX_MS,
          error.retryAfterMs,
        );
        this.open.delete(node.id);
        this.record([
          stepEvent(step, 'retrying', { error: error.message, duration: elapsed(step) }),
          {
            type: 'execution:retry',
            fields: { nodeId: node.id, attempt: step.attempt + 1, delayMs, error: error.message },
          },
        ]);
        await sleep(delayMs, undefined, { signal: this.abort.signal });
      }
    }
  }

  private async attempt(node: WorkflowNode, step: OpenStep): Promise<Json> {
    const handler = this.registry.find(node.type);
    if (!handler) throw new NodeError('unknown_node_type', `This server has no node type "${node.type}".`);
    const parsed = handler.config.safeParse(
      fill(node.data.config, this.row.input, this.outputs, this.settings.CONFIG_MAX_BYTES),
    );
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new NodeError(
        'invalid_config',
        `Filled in, the config is not valid: ${issue.path.join('.')}: ${issue.message}`,
      );
    }
    const limit = node.data.timeoutMs ?? this.settings.NODE_TIMEOUT_MS;
    const timedOut = new AbortController();
    const expired = Promise.withResolvers<never>();
    const timeout = new PausableTimeout(limit, () => {
      const error = new TransientError('node_timeout', `The node took longer than its limit of ${limit} ms.`);
      timedOut.abort(error);
      expired.reject(error);
    });
    expired.promise.catch(() => undefined);
    this.timeouts.add(timeout);
    if (this.gate.isOpen) timeout.resume();
    const signal = AbortSignal.any([this.abort.signal, timedOut.signal]);
    try {
      const running = handler.run(this.nodeRun(node, step, parsed.data, signal, timeout));
      const output = (await Promise.race([running, expired.promise])) ?? null;
      return this.checkOutput(output);
    } finally {
      timeout.pause();
      this.timeouts.delete(timeout);
      timedOut.abort(new StoppedError('the attempt is over'));
    }
  }

  private nodeRun(
    node: WorkflowNode,
    step: OpenStep,
    config: unknown,
    signal: AbortSignal,
    timeout: PausableTimeout,
  ): NodeRun<unknown> {
    const say = async (drafts: () => EventDraft[]): Promise<void> => {
      signal.throwIfAborted();
      while (!this.gate.isOpen) await this.gate.pass(signal);
      this.record(drafts());
      await this.log.room();
      signal.throwIfAborted();
    };
    return {
      executionId: this.row.id,
      nodeId: node.id,
      stepId: step.stepId,
      attempt: step.attempt,
      config,
      input: this.row.input,
      inputs: Object.fromEntries(this.graph.parentsOf(node.id).map((id) => [id, this.outputs.get(id)!])),
      signal,
      emit: (event: NodeEvent) =>
        say(() => {
          const { type, ...fields } = event;
          return [{ type, fields: { ...fields, stepId: step.stepId, nodeId: node.id } } as EventDraft];
        }),
      countTokens: async (model, usage) => {
        await say(() => usageEvents(this.log.state, node.id, model, usage, this.priceOf));
        this.enforceLimits(node.id);
        signal.throwIfAborted();
      },
      decision: () => this.waitForPerson(node.id, signal, timeout),
    };
  }

  /** A person may take days: waiting for one counts towards no time limit. */
  private async waitForPerson(
    nodeId: string,
    signal: AbortSignal,
    timeout: PausableTimeout,
  ): Promise<ApprovalDecision> {
    timeout.pause();
    this.timeouts.delete(timeout);
    this.waiting += 1;
    this.runClock();
    try {
      return await this.approvals.wait(nodeId, signal);
    } finally {
      this.waiting -= 1;
      this.runClock();
      if (!signal.aborted) {
        this.timeouts.add(timeout);
        if (this.gate.isOpen) timeout.resume();
      }
    }
  }

  private enforceLimits(nodeId: string): void {
    const exceeded = exceededLimit(this.row.options.limits ?? {}, this.log.state);
    if (exceeded) this.fail({ ...exceeded, nodeId });
  }

  private checkOutput(output: Json): Json {
    const text = JSON.stringify(output);
    if (text === undefined) throw new NodeError('output_not_json', 'The output of the node is not JSON.');
    const bytes = Buffer.byteLength(text);
    if (bytes > this.settings.OUTPUT_MAX_BYTES) {
      throw new NodeError(
        'output_too_large',
        `The output has ${bytes} bytes; the limit is ${this.settings.OUTPUT_MAX_BYTES} (OUTPUT_MAX_BYTES).`,
      );
    }
    // All of them go out in one `execution:completed`, and are kept in memory until then.
    this.outputBytes += bytes;
    if (this.outputBytes > this.settings.OUTPUTS_MAX_BYTES) {
      throw new NodeError(
        'outputs_too_large',
        `The outputs of all nodes have ${this.outputBytes} bytes; the limit is ${this.settings.OUTPUTS_MAX_BYTES} (OUTPUTS_MAX_BYTES).`,
      );
    }
    return output;
  }
}

function toFailure(error: unknown): { message: string; code: string } {
  if (error instanceof NodeError) return { message: error.message, code: error.code };
  const message = error instanceof Error ? error.message : String(error);
  return { message: `The node failed: ${message}`, code: 'node_failed' };
}

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
import { fill } from './template.js';

/** Prices tokens; null when a model's price is not known. */
export type PriceOf = (model: string, usage: { input: number; output: number }) => number | null;

/** Why everything under way stops: the execution is at its end here, or goes on elsewhere. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

interface OpenStep {
  node: WorkflowNode;
  stepId: string;
  attempt: number;
  startedAt: number;
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
  private readonly timeouts = new Set<PausableTimeout>();
  private readonly decisions = new Map<string, PromiseWithResolvers<ApprovalDecision>>();
  private readonly outcome = Promise.withResolvers<'over' | 'released'>();
  private active = 0;
  private ended = false;

  constructor(
    private readonly row: ExecutionRow,
    private readonly log: ExecutionLog,
    private readonly registry: NodeRegistry,
    private readonly priceOf: PriceOf,
    private readonly settings: Settings,
  ) {
    this.graph = new WorkflowGraph(row.workflow);
  }

  /** Goes on from what the journal says is done. The caller has recorded `execution:started`. */
  run(): Promise<'over' | 'released'> {
    for (const step of this.log.state.steps) {
      if (step.status !== 'completed') continue;
      this.outputs.set(step.nodeId, step.output ?? null);
      this.started.add(step.nodeId);
    }
    const limit = this.row.options.timeoutMs ?? this.settings.EXECUTION_TIMEOUT_MS;
    const spent = this.row.started_at ? Date.now() - this.row.started_at.getTime() : 0;
    const timeout = new PausableTimeout(Math.max(1, limit - spent), () =>
      this.fail({
        code: 'execution_timeout',
        message: `The execution took longer than its limit of ${limit} ms.`,
      }),
    );
    this.timeouts.add(timeout);
    if (this.gate.isOpen) timeout.resume();
    this.schedule();
    return this.outcome.promise;
  }

  /** Nothing further is emitted or started until `resume`. */
  pause(by: string | null, reason: string | null): void {
    if (this.ended || !this.gate.isOpen) return;
    this.gate.close();
    for (const timeout of this.timeouts) timeout.pause();
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
    this.decisionOf(nodeId).resolve(decision);
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
        (output) => this.completed(node, output),
        (error: unknown) => this.failed(node, error),
      );
    }
    if (this.active === 0 && this.outputs.size === this.graph.nodes.size) this.complete();
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
    this.abort.abort(new StoppedError(reason));
  }

  private record(events: EventDraft[], projection?: Parameters<ExecutionLog['append']>[1]): void {
    // A refused append releases the run, through the log's onFailure.
    this.log.append(events, projection).catch(() => undefined);
  }

  private async runNode(node: WorkflowNode): Promise<Json> {
    const retries = node.data.maxRetries ?? this.row.options.maxRetries ?? DEFAULT_RETRIES;
    const before = this.log.state.steps.filter((step) => step.nodeId === node.id).length;
    for (let tries = 1; ; tries += 1) {
      await this.gate.pass(this.abort.signal);
      const step = { node, stepId: randomUUID(), attempt: before + tries, startedAt: performance.now() };
      this.open.set(node.id, step);
      this.record([stepEvent(step, 'running')]);
      try {
        const output = await this.attempt(node, step);
        await this.gate.pass(this.abort.signal);
        return output;
      } catch (error) {
        if (this.ended || !(error instanceof TransientError) || tries > retries) throw error;
        await this.gate.pass(this.abort.signal);
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
    const parsed = handler.config.safeParse(fill(node.data.config, this.row.input, this.outputs));
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
    // A person may take days: waiting for one has no time limit of its own.
    if (node.type !== 'approval') {
      this.timeouts.add(timeout);
      if (this.gate.isOpen) timeout.resume();
    }
    const signal = AbortSignal.any([this.abort.signal, timedOut.signal]);
    try {
      const running = handler.run(this.nodeRun(node, step, parsed.data, signal));
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
  ): NodeRun<unknown> {
    const say = async (drafts: () => EventDraft[]): Promise<void> => {
      await this.gate.pass(signal);
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
        await say(() => this.usageEvents(node.id, model, usage));
        this.enforceLimits(node.id);
        signal.throwIfAborted();
      },
      decision: () => this.waitForDecision(node.id, signal),
    };
  }

  private usageEvents(nodeId: string, model: string, used: { input: number; output: number }): EventDraft[] {
    const { tokenUsage, modelUsage } = this.log.state;
    const input = tokenUsage.input + used.input;
    const output = tokenUsage.output + used.output;
    const before = modelUsage[model] ?? { input: 0, output: 0 };
    const total = { input: before.input + used.input, output: before.output + used.output };
    const models = { ...modelUsage, [model]: { ...total, costUSD: this.priceOf(model, total) } };
    const costs = Object.values(models).map((entry) => entry.costUSD);
    const totalCostUSD = costs.some((cost) => cost === null)
      ? null
      : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0);
    return [
      {
        type: 'execution:token-usage',
        fields: { usage: { input, output, total: input + output }, nodeId, model },
      },
      { type: 'execution:cost-update', fields: { totalCostUSD, modelUsage: models } },
    ];
  }

  private enforceLimits(nodeId: string): void {
    const { maxTokens, maxCostUSD } = this.row.options.limits ?? {};
    const { tokenUsage, costUSD } = this.log.state;
    if (maxTokens !== undefined && tokenUsage.total > maxTokens) {
      this.fail({
        code: 'token_limit_exceeded',
        message: `The execution used ${tokenUsage.total} tokens; its limit is ${maxTokens}.`,
        nodeId,
      });
    } else if (maxCostUSD !== undefined && costUSD !== null && costUSD > maxCostUSD) {
      this.fail({
        code: 'cost_limit_exceeded',
        message: `The execution cost ${costUSD} USD; its limit is ${maxCostUSD}.`,
        nodeId,
      });
    }
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
    return output;
  }

  private decisionOf(nodeId: string): PromiseWithResolvers<ApprovalDecision> {
    let decision = this.decisions.get(nodeId);
    if (!decision) this.decisions.set(nodeId, (decision = Promise.withResolvers()));
    return decision;
  }

  private async waitForDecision(nodeId: string, signal: AbortSignal): Promise<ApprovalDecision> {
    signal.throwIfAborted();
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([this.decisionOf(nodeId).promise, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

const elapsed = (step: OpenStep): number => Math.round(performance.now() - step.startedAt);

const attribution = (by: string | null, reason: string | null) => ({
  ...(reason !== null && { reason }),
  ...(by !== null && { by }),
});

type StepStatus = 'running' | 'completed' | 'failed' | 'retrying' | 'skipped';

function stepEvent(
  step: OpenStep,
  status: StepStatus,
  more: { output?: Json; error?: string; duration?: number } = {},
): EventDraft {
  const { node, stepId, attempt } = step;
  return {
    type: 'execution:step',
    fields: {
      step: node.data.label ?? node.id,
      stepId,
      nodeId: node.id,
      nodeType: node.type,
      status,
      attempt,
      ...more,
    },
  };
}

function toFailure(error: unknown): { message: string; code: string } {
  if (error instanceof NodeError) return { message: error.message, code: error.code };
  const message = error instanceof Error ? error.message : String(error);
  return { message: `The node failed: ${message}`, code: 'node_failed' };
}

import { Logger } from '@nestjs/common';
import {
  type EventDraft,
  type ExecutionFailure,
  type Json,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { causeOf, messageOf } from '../../logging/error-info.js';
import type { Settings } from '../../config/settings.js';
import type { RowChange } from '../../journal/append-statement.js';
import type { ExecutionLog } from './execution-log.js';
import { type ExecutionRow, toExecution } from '../execution-row.js';
import { PauseGate } from './pause-gate.js';
import { type ApprovalDecision, NodeError } from '../extension/node-handler.js';
import type { NodeRegistry } from '../extension/node-registry.js';
import { NodeRunner, StoppedError } from './node-runner.js';
import { OutputBudget } from './output-budget.js';
import { PausableTimeout } from './pausable-timeout.js';
import { attribution, elapsed, stepEvent } from './step-events.js';
import type { PriceOf } from './usage.js';

/** One execution while this process owns it: runs the graph and keeps the journal. */
export class GraphRun {
  private readonly logger = new Logger(GraphRun.name);
  private readonly graph: WorkflowGraph;
  private readonly gate = new PauseGate();
  private readonly abort = new AbortController();
  private readonly outputs = new Map<string, Json>();
  private readonly started = new Set<string>();
  private readonly budget: OutputBudget;
  private readonly nodes: NodeRunner;
  private readonly timeLimit: PausableTimeout;
  private readonly outcome = Promise.withResolvers<'ended' | 'released'>();
  private active = 0;
  private idle = false;
  private ended = false;

  /**
   * @param spentMs what earlier owners used of the execution's time limit
   * @param onIdle called once the row says that it begins or ends to only wait, for a resume or a person
   */
  constructor(
    private readonly row: ExecutionRow,
    private readonly log: ExecutionLog,
    registry: NodeRegistry,
    priceOf: PriceOf,
    private readonly settings: Settings,
    secrets: SecretRedactor,
    spentMs: number,
    private readonly onIdle: (idle: boolean) => void,
  ) {
    this.graph = new WorkflowGraph(row.workflow);
    this.budget = new OutputBudget(settings, secrets);
    this.nodes = new NodeRunner({
      row,
      graph: this.graph,
      log,
      registry,
      priceOf,
      settings,
      gate: this.gate,
      stopped: this.abort.signal,
      outputs: this.outputs,
      budget: this.budget,
      onWaiting: () => this.runClock(),
      onFailure: (failure) => this.fail(failure),
    });
    const limit = row.options.timeoutMs ?? settings.EXECUTION_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(Math.max(1, limit - spentMs), () =>
      this.fail({
        code: 'execution_timeout',
        message: `The execution took longer than its limit of ${limit} ms.`,
      }),
    );
  }

  /** Goes on from what the journal says is done. The caller has recorded `execution:started`. */
  run(): Promise<'ended' | 'released'> {
    for (const step of this.log.state.steps) {
      if (step.status !== 'completed') continue;
      const output = step.output ?? null;
      this.outputs.set(step.nodeId, output);
      this.budget.restore(output);
      this.started.add(step.nodeId);
    }
    this.schedule();
    return this.outcome.promise;
  }

  /** Nothing further is emitted or started until `resume`. */
  pause(by: string | null, reason: string | null): void {
    if (this.ended || !this.gate.isOpen) return;
    this.gate.close();
    this.nodes.pause();
    this.runClock();
    this.log.record([{ type: 'execution:paused', fields: attribution(by, reason) }], { status: 'paused' });
  }

  resume(by: string | null, reason: string | null): void {
    if (this.ended || this.gate.isOpen) return;
    this.log.record([{ type: 'execution:resumed', fields: attribution(by, reason) }], { status: 'running' });
    this.nodes.resume();
    this.gate.open();
    this.schedule();
  }

  cancel(by: string | null, reason: string | null): void {
    this.end([{ type: 'execution:cancelled', fields: attribution(by, reason) }], { status: 'cancelled' });
  }

  decide(nodeId: string, decision: ApprovalDecision): void {
    this.nodes.decide(nodeId, decision);
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
      if (this.active >= this.settings.MAX_PARALLEL_NODES_PER_EXECUTION) break;
      if (this.started.has(node.id) || !this.graph.parentsOf(node.id).every((id) => this.outputs.has(id)))
        continue;
      this.started.add(node.id);
      this.active += 1;
      void this.nodes.run(node).then(
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
    const step = this.nodes.open.get(node.id)!;
    this.nodes.open.delete(node.id);
    this.outputs.set(node.id, output);
    const [completedSteps, totalSteps] = [this.outputs.size, this.graph.nodes.size];
    this.log.record([
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
    const step = this.nodes.open.get(node.id);
    const failure = toFailure(error);
    const events: EventDraft[] = step
      ? [stepEvent(step, 'failed', { error: failure.message, duration: elapsed(step) })]
      : [];
    this.nodes.open.delete(node.id);
    const more = { nodeType: node.type, ...(step && { stepId: step.stepId, attempt: step.attempt }) };
    this.fail({ ...failure, nodeId: node.id }, events, { error, ...more });
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

  private fail(
    failure: ExecutionFailure,
    before: EventDraft[] = [],
    { error, ...more }: { error?: unknown } = {},
  ): void {
    if (this.ended) return;
    const { message, code, nodeId } = failure;
    this.logFailure(failure, error, more);
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

  /** A failure that a handler names is part of its work; any other is most likely a fault of its code. */
  private logFailure({ message, code, nodeId }: ExecutionFailure, error: unknown, more: object): void {
    const { id: executionId, project_id: projectId } = this.row;
    const members = { executionId, projectId, ...(nodeId !== undefined && { nodeId }), code, ...more };
    const text = `the execution failed: ${message}`;
    if (error === undefined || error instanceof NodeError) this.logger.warn(text, ...causeOf(error), members);
    else this.logger.error(text, error, members);
  }

  /** Records the end, in one append with what is cut off by it, and stops everything. Nothing comes after. */
  private end(events: EventDraft[], change: RowChange): void {
    if (this.ended) return;
    const cut = [...this.nodes.open.values()].map((step) =>
      stepEvent(step, 'cancelled', { duration: elapsed(step) }),
    );
    this.nodes.open.clear();
    const committed = this.log.append([...cut, ...events], change);
    this.stop('the execution is over');
    committed.then(
      () => this.outcome.resolve('ended'),
      () => this.outcome.resolve('released'),
    );
  }

  private stop(reason: string): void {
    this.ended = true;
    this.nodes.pause();
    this.runClock();
    this.abort.abort(new StoppedError(reason));
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
    const idle = !this.gate.isOpen || (this.active > 0 && this.nodes.waiting === this.active);
    if (this.ended || idle) this.timeLimit.pause();
    else this.timeLimit.resume();
    if (this.ended || idle === this.idle) return;
    this.idle = idle;
    this.log.append([], { idle }).then(
      () => this.onIdle(idle),
      () => undefined,
    );
  }
}

function toFailure(error: unknown): { message: string; code: string } {
  if (error instanceof NodeError) return { message: error.message, code: error.code };
  return { message: `The node failed: ${messageOf(error)}`, code: 'node_failed' };
}

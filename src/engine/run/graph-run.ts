import {
  type EventDraft,
  type ExecutionFailure,
  type Json,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import type { Settings } from '../../config/settings.js';
import type { RowChange } from '../../journal/row-change.js';
import { Logger } from '../../logging/logger.js';
import type { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import type { ExecutionRow } from '../execution-row.js';
import type { ApprovalDecision } from '../extension/node-handler.js';
import type { NodeRegistry } from '../extension/node-registry.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import { afterExecution, beforeExecution } from './execution-hooks.js';
import { failedEvent, logFailure, toFailure } from './execution-failure.js';
import type { ExecutionLog } from './execution-log.js';
import { completedExecution, executionOutput } from './execution-result.js';
import { NodeRunner } from './node-runner.js';
import { OutputBudget } from './output-budget.js';
import { PausableTimeout } from './pausable-timeout.js';
import { PauseGate } from './pause-gate.js';
import { attribution, elapsedMs, stepEvent } from './step-events.js';
import { StoppedError } from './stopped-error.js';
import type { PriceOf } from './usage.js';

export interface GraphRunOptions {
  readonly row: ExecutionRow;
  /** The caller has recorded `execution:started`. */
  readonly log: ExecutionLog;
  readonly registry: NodeRegistry;
  /** undefined if no module has an interceptor. */
  readonly interceptors: StepInterceptors | undefined;
  readonly monitor: BlockedLoopMonitor;
  readonly priceOf: PriceOf;
  readonly settings: Settings;
  readonly secrets: SecretRedactor;
  /** How much of the execution's time limit earlier owners have used. */
  readonly spentMs: number;
  /** Called after the row's `idle` has changed. `true`: the execution only waits, for a resume or a person. */
  readonly onIdle: (idle: boolean) => void;
}

/** One execution while this process owns it: runs the graph and records what happens. */
export class GraphRun {
  private readonly logger = new Logger(GraphRun.name);
  private readonly row: ExecutionRow;
  private readonly log: ExecutionLog;
  private readonly graph: WorkflowGraph;
  private readonly pauseGate = new PauseGate();
  private readonly stopController = new AbortController();
  /** Outputs of the completed nodes, by node id. */
  private readonly outputs = new Map<string, Json>();
  /** Ids of the nodes that run or have run. */
  private readonly startedNodes = new Set<string>();
  private readonly budget: OutputBudget;
  private readonly nodes: NodeRunner;
  private readonly timeLimit: PausableTimeout;
  private readonly outcome = Promise.withResolvers<'ended' | 'released'>();
  /** Number of nodes that are running. */
  private runningNodes = 0;
  private isIdle = false;
  /** Whether an interceptor may still refuse the execution: no node starts before that is decided. */
  private isUndecided = false;
  private isStopped = false;

  constructor(private readonly options: GraphRunOptions) {
    const { row, log, registry, interceptors, monitor, priceOf, settings, secrets, spentMs } = options;
    this.row = row;
    this.log = log;
    this.graph = new WorkflowGraph(row.workflow);
    this.budget = new OutputBudget(settings, secrets);
    this.nodes = new NodeRunner({
      row,
      graph: this.graph,
      log,
      registry,
      interceptors,
      monitor,
      priceOf,
      settings,
      pauseGate: this.pauseGate,
      stopSignal: this.stopController.signal,
      outputs: this.outputs,
      budget: this.budget,
      onWaitingChanged: () => this.updateIdle(),
      onFailure: (failure) => this.fail(failure),
    });
    const limitMs = row.options.timeoutMs ?? settings.EXECUTION_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(Math.max(1, limitMs - spentMs), () =>
      this.fail({
        code: 'execution_timeout',
        message: `The execution took longer than its limit of ${limitMs} ms.`,
      }),
    );
  }

  /** Continues after the nodes that the journal shows as completed. Resolves when the run has ended or was released. */
  run(): Promise<'ended' | 'released'> {
    for (const step of this.log.state.steps) {
      if (step.status !== 'completed') continue;
      const output = step.output ?? null;
      this.outputs.set(step.nodeId, output);
      this.budget.restore(output);
      this.startedNodes.add(step.nodeId);
    }
    const { interceptors } = this.options;
    // Steps exist only after the interceptors have admitted the execution.
    if (interceptors && this.log.state.steps.length === 0) void this.admit(interceptors);
    else this.schedule();
    return this.outcome.promise;
  }

  /** Pauses: no event is emitted and no node starts until `resume`. */
  pause(by: string | null, reason: string | null): void {
    if (this.isStopped || !this.pauseGate.isOpen) return;
    this.pauseGate.close();
    this.nodes.pause();
    this.updateIdle();
    this.log.record([{ type: 'execution:paused', fields: attribution(by, reason) }], { status: 'paused' });
  }

  resume(by: string | null, reason: string | null): void {
    if (this.isStopped || this.pauseGate.isOpen) return;
    this.log.record([{ type: 'execution:resumed', fields: attribution(by, reason) }], { status: 'running' });
    this.nodes.resume();
    this.pauseGate.open();
    this.schedule();
  }

  cancel(by: string | null, reason: string | null): void {
    this.end([{ type: 'execution:cancelled', fields: attribution(by, reason) }], { status: 'cancelled' });
  }

  decide(nodeId: string, decision: ApprovalDecision): void {
    this.nodes.decide(nodeId, decision);
  }

  /** Stops the run and records nothing: another process continues the execution. */
  release(): void {
    if (this.isStopped) return;
    this.stop('the execution continues in another process');
    this.outcome.resolve('released');
  }

  /** Starts the first nodes, unless an interceptor refuses the execution. */
  private async admit(interceptors: StepInterceptors): Promise<void> {
    this.isUndecided = true;
    this.updateIdle();
    try {
      await beforeExecution(interceptors, this.row);
      this.isUndecided = false;
      this.schedule();
    } catch (error) {
      await this.whenNotPaused(() => this.fail(toFailure(error), [], { error }));
    }
  }

  /** Starts the nodes whose parents are done, and completes the execution when all nodes are done. */
  private schedule(): void {
    if (this.isStopped || this.isUndecided) return;
    for (const node of this.graph.nodes.values()) {
      if (this.runningNodes >= this.options.settings.MAX_PARALLEL_NODES_PER_EXECUTION) break;
      if (
        this.startedNodes.has(node.id) ||
        !this.graph.parentsOf(node.id).every((id) => this.outputs.has(id))
      )
        continue;
      this.startedNodes.add(node.id);
      this.runningNodes += 1;
      void this.nodes.run(node).then(
        (output) => this.whenNotPaused(() => this.onNodeCompleted(node, output)),
        (error: unknown) => this.whenNotPaused(() => this.onNodeFailed(node, error)),
      );
    }
    if (this.runningNodes === 0 && this.outputs.size === this.graph.nodes.size) this.complete();
    this.updateIdle();
  }

  private onNodeCompleted(node: WorkflowNode, output: Json): void {
    this.runningNodes -= 1;
    if (this.isStopped) return;
    const step = this.nodes.runningSteps.get(node.id)!;
    this.nodes.runningSteps.delete(node.id);
    this.outputs.set(node.id, output);
    const [completedSteps, totalSteps] = [this.outputs.size, this.graph.nodes.size];
    this.log.record([
      stepEvent(step, 'completed', { output, duration: elapsedMs(step) }),
      {
        type: 'execution:progress',
        fields: { completedSteps, totalSteps, percent: Math.floor((100 * completedSteps) / totalSteps) },
      },
    ]);
    this.schedule();
  }

  private onNodeFailed(node: WorkflowNode, error: unknown): void {
    this.runningNodes -= 1;
    if (this.isStopped) return;
    const step = this.nodes.runningSteps.get(node.id);
    const failure = toFailure(error);
    const events: EventDraft[] = step
      ? [stepEvent(step, 'failed', { error: failure.message, duration: elapsedMs(step) })]
      : [];
    this.nodes.runningSteps.delete(node.id);
    const members = { nodeType: node.type, ...(step && { stepId: step.stepId, attempt: step.attempt }) };
    this.fail({ ...failure, nodeId: node.id }, events, { error, ...members });
  }

  private complete(): void {
    const output = executionOutput(this.graph, this.outputs);
    const completedAt = new Date();
    const result = completedExecution(this.row, this.log.state, output, completedAt);
    this.end([{ type: 'execution:completed', fields: { result } }], {
      status: 'completed',
      output,
      at: completedAt.toISOString(),
    });
  }

  /**
   * Fails the execution.
   * @param events recorded before `execution:failed`
   * @param details for the log: `error` is what the node threw, the rest are members of the log line
   */
  private fail(
    failure: ExecutionFailure,
    events: EventDraft[] = [],
    details: { error?: unknown } = {},
  ): void {
    if (this.isStopped) return;
    logFailure(this.logger, this.row, failure, details);
    this.end([...events, failedEvent(failure)], { status: 'failed', error: failure });
  }

  /** Records the end, in one append with the steps that it cuts off, and stops the run. No event follows. */
  private end(events: EventDraft[], change: RowChange): void {
    if (this.isStopped) return;
    const cancelledSteps = [...this.nodes.runningSteps.values()].map((step) =>
      stepEvent(step, 'cancelled', { duration: elapsedMs(step) }),
    );
    this.nodes.runningSteps.clear();
    const committed = this.log.append([...cancelledSteps, ...events], change);
    this.stop('the execution has ended');
    committed.then(
      () => {
        this.outcome.resolve('ended');
        if (this.options.interceptors) afterExecution(this.options.interceptors, this.row, change);
      },
      () => this.outcome.resolve('released'),
    );
  }

  private stop(reason: string): void {
    this.isStopped = true;
    this.nodes.pause();
    this.updateIdle();
    this.stopController.abort(new StoppedError(reason));
  }

  /**
   * Runs work that records events, once the execution is not paused. The check of the gate and the work are one
   * synchronous step, so that no pause can come between them.
   */
  private async whenNotPaused(work: () => void): Promise<void> {
    try {
      while (!this.pauseGate.isOpen) await this.pauseGate.pass(this.stopController.signal);
    } catch {
      return;
    }
    work();
  }

  /**
   * Stops the clock of the time limit while the execution only waits, for a resume or for people, and records in the row
   * whether it does.
   */
  private updateIdle(): void {
    const isIdle =
      !this.pauseGate.isOpen || (this.runningNodes > 0 && this.nodes.waitingNodes === this.runningNodes);
    if (this.isStopped || isIdle) this.timeLimit.pause();
    else this.timeLimit.resume();
    if (this.isStopped || isIdle === this.isIdle) return;
    this.isIdle = isIdle;
    this.options.onIdle(isIdle);
  }
}

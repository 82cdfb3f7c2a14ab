import {
  type EventDraft,
  type ExecutionFailure,
  type Json,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import type { DesiredState } from '../../database/schema.js';
import type { Settings } from '../../config/settings.js';
import { attribution } from '../../events/end-drafts.js';
import type { RowChange } from '../../journal/row-change.js';
import { Logger } from '../../logging/logger.js';
import type { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import type { ChildExecutions } from '../children/child-executions.js';
import type { ParkedRun } from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';
import type { NodeRegistry } from '../extension/node-registry.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import type { Conditions } from '../nodes/conditions.js';
import type { Callbacks } from '../waits/callbacks.js';
import type { Signals } from '../waits/signals.js';
import { BranchDecider } from './branch-decider.js';
import { failedEvent, logFailure, toFailure } from './execution-failure.js';
import { afterExecution, beforeExecution } from './execution-hooks.js';
import { ExecutionLimits } from './execution-limits.js';
import type { ExecutionLog } from './execution-log.js';
import { completedExecution, executionOutput } from './execution-result.js';
import { GraphProgress } from './graph-progress.js';
import { NodeRunner } from './node-runner.js';
import type { WaitRow } from './node-waits.js';
import { OutputBudget } from './output-budget.js';
import { PausableTimeout } from './pausable-timeout.js';
import { PauseGate } from './pause-gate.js';
import { elapsedMs, progressEvent, stepEvent } from './step-events.js';
import { StoppedError } from './stopped-error.js';
import { untilAnswered } from './until-answered.js';
import type { PriceOf } from './usage.js';

export interface GraphRunOptions {
  readonly row: ExecutionRow;
  /** The caller has recorded `execution:started`, unless a parked execution was woken. */
  readonly log: ExecutionLog;
  /** The waits of the execution so far. */
  readonly waits: readonly WaitRow[];
  /** Reads the waits that have ended, and whose end the journal does not have. */
  readonly readEndedWaits: () => Promise<readonly WaitRow[]>;
  readonly registry: NodeRegistry;
  readonly conditions: Conditions;
  readonly children: ChildExecutions;
  readonly signals: Signals;
  readonly callbacks: Callbacks;
  /** undefined if no module has an interceptor. */
  readonly interceptors: StepInterceptors | undefined;
  readonly monitor: BlockedLoopMonitor;
  readonly priceOf: PriceOf;
  readonly settings: Settings;
  readonly secrets: SecretRedactor;
  /** How much of the execution's time limit earlier owners have used. */
  readonly spentMs: number;
  /** Called when the row's `idle` has changed. `true`: the execution only waits, for a resume or for the end of a wait. */
  readonly onIdle: (idle: boolean) => void;
}

/** One execution while this process owns it: runs the graph and records what happens. */
export class GraphRun {
  private readonly logger = new Logger(GraphRun.name);
  private readonly row: ExecutionRow;
  private readonly log: ExecutionLog;
  private readonly graph: WorkflowGraph;
  private readonly progress: GraphProgress;
  private readonly branches: BranchDecider;
  private readonly pauseGate = new PauseGate();
  private readonly stopController = new AbortController();
  /** Outputs of the completed nodes, by node id. */
  private readonly outputs = new Map<string, Json>();
  /** Failures of the failed nodes, by node id. */
  private readonly errors = new Map<string, ExecutionFailure>();
  /** Nodes that are done, and whose outgoing edges were not decided when this process took over. */
  private readonly undecided: readonly WorkflowNode[];
  /** Nodes that may run and have not begun, in the order of the workflow. */
  private ready: string[] = [];
  /** Waits that have ended and are not applied yet, by id. */
  private readonly endedWaits = new Map<string, WaitRow>();
  /** The first failure that no error edge handles, while nodes that run in any case are not done. */
  private unhandledFailure: ExecutionFailure | undefined;
  private readonly budget: OutputBudget;
  private readonly nodes: NodeRunner;
  private readonly timeLimit: PausableTimeout;
  private readonly outcome = Promise.withResolvers<'ended' | 'released' | ParkedRun>();
  /** Ids of the nodes that run, including those in a short backoff. */
  private readonly running = new Set<string>();
  /** Number of nodes whose outgoing edges are being decided. */
  private deciding = 0;
  /** The state of the row as this process has applied it. */
  private readonly applied: { wakes: number; desiredState: DesiredState };
  private parkTimer: NodeJS.Timeout | undefined;
  private isIdle = false;
  /** Whether nodes may start: not before `run`, and not while an interceptor may refuse the execution. */
  private isBegun = false;
  private isStopped = false;
  /** Whether another process continues the execution. */
  private isReleased = false;

  constructor(private readonly options: GraphRunOptions) {
    const { row, log, waits, registry, conditions, children, signals, callbacks } = options;
    const { interceptors, monitor, priceOf, settings, secrets, spentMs } = options;
    this.row = row;
    this.log = log;
    this.applied = { wakes: row.wakes, desiredState: row.desired_state };
    this.graph = new WorkflowGraph(row.workflow);
    this.progress = new GraphProgress(this.graph);
    this.budget = new OutputBudget(settings, secrets);
    const hasChildren = waits.some(({ kind }) => kind === 'children');
    this.nodes = new NodeRunner({
      row,
      graph: this.graph,
      log,
      registry,
      interceptors,
      monitor,
      priceOf,
      limits: new ExecutionLimits(row, log, children, priceOf, hasChildren, this.stopController.signal),
      children,
      signals,
      callbacks,
      settings,
      pauseGate: this.pauseGate,
      stopSignal: this.stopController.signal,
      outputs: this.outputs,
      errors: this.errors,
      budget: this.budget,
      onFailure: (failure) => this.fail(failure),
    });
    this.branches = new BranchDecider({
      row,
      graph: this.graph,
      conditions,
      outputs: this.outputs,
      errors: this.errors,
      signal: this.stopController.signal,
    });
    if (log.state.status === 'paused') this.pauseGate.close();
    this.undecided = this.restore();
    const limitMs = row.options.timeoutMs ?? settings.EXECUTION_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(Math.max(1, limitMs - spentMs), () =>
      this.fail({
        code: 'execution_timeout',
        message: `The execution took longer than its limit of ${limitMs} ms.`,
      }),
    );
  }

  /** Continues where the journal ends. Resolves when the run has ended, was released, or left the execution waiting. */
  run(): Promise<'ended' | 'released' | ParkedRun> {
    const { interceptors } = this.options;
    // Steps exist only after the interceptors have admitted the execution.
    if (interceptors && this.log.state.steps.length === 0) void this.admit(interceptors);
    else void this.whenNotPaused(() => this.begin());
    if (!this.pauseGate.isOpen) this.updateIdle();
    return this.outcome.promise;
  }

  /** Pauses: no event is emitted and no node starts until `resume`. */
  pause(by: string | null, reason: string | null): void {
    this.applied.desiredState = 'pause';
    if (this.isStopped || !this.pauseGate.isOpen) return;
    this.pauseGate.close();
    this.nodes.pause();
    this.log.record([{ type: 'execution:paused', fields: attribution(by, reason) }]);
    this.updateIdle();
  }

  resume(by: string | null, reason: string | null): void {
    this.applied.desiredState = 'run';
    if (this.isStopped || this.pauseGate.isOpen) return;
    this.log.record([{ type: 'execution:resumed', fields: attribution(by, reason) }]);
    this.nodes.resume();
    this.pauseGate.open();
    this.schedule();
  }

  cancel(by: string | null, reason: string | null): void {
    this.applied.desiredState = 'cancel';
    void this.end(
      [],
      { type: 'execution:cancelled', fields: attribution(by, reason) },
      { status: 'cancelled' },
    );
  }

  /**
   * Applies waits that have ended. While the execution is paused, they are applied at the resume.
   * @param wakes the number of ended waits that the row had when they were read
   */
  applyEndedWaits(rows: readonly WaitRow[], wakes: number): void {
    this.applied.wakes = Math.max(this.applied.wakes, wakes);
    if (this.isStopped) return;
    const open = new Set([...this.nodes.openWaits()].map(({ id }) => id));
    for (const row of rows) if (open.has(row.id)) this.endedWaits.set(row.id, row);
    this.schedule();
  }

  /** Stops the run because the process shuts down. An execution that only waits needs no process. */
  handOver(): void {
    const { status } = this.log.state;
    if (!this.isStopped && this.isBegun && status === 'waiting' && this.canPark) this.park();
    else this.release();
  }

  /** Stops the run and records nothing: another process continues the execution. */
  release(): void {
    this.isReleased = true;
    if (!this.isStopped) this.stop('the execution continues in another process');
    this.outcome.resolve('released');
  }

  /**
   * Brings the graph to the state of the journal.
   * @returns the nodes that are done, but whose outgoing edges are not decided
   */
  private restore(): WorkflowNode[] {
    const { state } = this.log;
    for (const { nodeId, status, output = null, error = '', code = 'node_failed' } of state.steps) {
      if (!this.graph.nodes.has(nodeId)) continue;
      if (status === 'completed') {
        this.outputs.set(nodeId, output);
        this.budget.restore(output);
      } else if (status === 'failed') this.errors.set(nodeId, { message: error, code, nodeId });
      else if (status === 'skipped') this.progress.finish(nodeId, 'skipped');
    }
    const undecided: WorkflowNode[] = [];
    for (const node of this.graph.nodes.values()) {
      const outcome = this.outputs.has(node.id) ? 'completed' : this.errors.has(node.id) && 'failed';
      if (!outcome) continue;
      const branch = Object.hasOwn(state.branches, node.id) ? state.branches[node.id] : undefined;
      if (!branch && this.progress.plan(node.id, outcome).isRecorded) undecided.push(node);
      else this.progress.finish(node.id, outcome, branch?.taken);
    }
    this.nodes.restore(this.options.waits);
    const { waitingSteps } = this.nodes;
    this.ready = this.progress
      .readyNodes()
      .filter((id) => !waitingSteps.has(id) && !this.outputs.has(id) && !this.errors.has(id));
    return undecided;
  }

  /** Begins to run nodes, from the restored state. */
  private begin(): void {
    if (this.isStopped) return;
    this.isBegun = true;
    const { steps, branches } = this.log.state;
    const recorded = new Set(steps.filter(({ status }) => status === 'skipped').map(({ nodeId }) => nodeId));
    this.recordSkips(
      [...this.graph.nodes.keys()].filter(
        (id) => this.progress.outcomeOf(id) === 'skipped' && !recorded.has(id),
      ),
    );
    const failedAt = new Map(steps.map(({ nodeId, completedAt }) => [nodeId, completedAt ?? '']));
    const failures = [...this.errors].toSorted(([a], [b]) => (failedAt.get(a)! < failedAt.get(b)! ? -1 : 1));
    const unhandled = failures.filter(
      ([id]) =>
        this.progress.outcomeOf(id) === 'failed' && !this.branches.takes(id, 'error', branches[id]?.taken),
    );
    this.unhandledFailure = unhandled[0]?.[1];
    for (const node of this.undecided) this.decideEdges(node, this.errors.get(node.id));
    // An owner ends such an execution at once. This one has crashed before it could.
    if (
      this.unhandledFailure &&
      !unhandled.some(([id]) => this.branches.takes(id, 'always', branches[id]?.taken))
    )
      this.fail(this.unhandledFailure);
    this.schedule();
  }

  /** Starts the first nodes, unless an interceptor refuses the execution. */
  private async admit(interceptors: StepInterceptors): Promise<void> {
    this.updateIdle();
    try {
      await beforeExecution(interceptors, this.row);
      await this.whenNotPaused(() => this.begin());
    } catch (error) {
      await this.whenNotPaused(() => this.fail(toFailure(error), [], { error }));
    }
  }

  /** Continues the nodes whose waits have ended, starts nodes that are ready, and ends the execution when all are done. */
  private schedule(): void {
    if (this.isStopped || !this.isBegun) return;
    if (this.pauseGate.isOpen) {
      const { MAX_PARALLEL_NODES_PER_EXECUTION } = this.options.settings;
      for (const [nodeId, ended] of Map.groupBy(this.endedWaits.values(), (row) => row.node_id)) {
        if (this.running.size >= MAX_PARALLEL_NODES_PER_EXECUTION) break;
        // A node that runs takes this end when it stands still again.
        if (this.running.has(nodeId)) continue;
        // An end may have arrived again while it was being applied.
        const open = ended.filter((row) => this.nodes.isOpen(row));
        if (open.length > 0 && !this.nodes.waitingSteps.has(nodeId)) continue;
        for (const { id } of ended) this.endedWaits.delete(id);
        if (open.length === 0) continue;
        const node = this.graph.nodes.get(nodeId)!;
        this.start(node, () => this.nodes.continue(node, open));
      }
      while (this.ready.length > 0 && this.running.size < MAX_PARALLEL_NODES_PER_EXECUTION) {
        const node = this.graph.nodes.get(this.ready.shift()!)!;
        this.start(node, () => this.nodes.run(node));
      }
      const isDone = this.running.size === 0 && this.deciding === 0 && this.nodes.waitingSteps.size === 0;
      if (isDone && this.progress.doneCount === this.graph.nodes.size) {
        if (this.unhandledFailure) this.fail(this.unhandledFailure);
        else this.complete();
      }
    }
    this.updateIdle();
  }

  private start(node: WorkflowNode, run: () => ReturnType<NodeRunner['run']>): void {
    this.running.add(node.id);
    void run().then(
      (result) =>
        result === 'waiting'
          ? this.onNodeWaiting(node)
          : this.onNodeDone(node, () => this.onNodeCompleted(node, result.output)),
      (error: unknown) => this.onNodeDone(node, () => this.onNodeFailed(node, error)),
    );
  }

  /** Ends the children that a node has left behind, and then records its end. */
  private async onNodeDone(node: WorkflowNode, record: () => void): Promise<void> {
    if (!this.isStopped && this.nodes.hasChildren(node.id))
      try {
        await this.log.whenCommitted();
        const reason = `The node ${node.id}, which started it, has ended.`;
        const { children } = this.options;
        await untilAnswered(
          () => children.endAll(this.row.id, null, reason, node.id),
          this.stopController.signal,
        );
      } catch {
        return;
      }
    await this.whenNotPaused(record);
  }

  private onNodeWaiting(node: WorkflowNode): void {
    this.running.delete(node.id);
    this.schedule();
  }

  private onNodeCompleted(node: WorkflowNode, output: Json): void {
    this.running.delete(node.id);
    if (this.isStopped) return;
    const step = this.nodes.runningSteps.get(node.id)!;
    this.nodes.runningSteps.delete(node.id);
    this.outputs.set(node.id, output);
    const { events, records } = this.endWaits(node.id);
    const plan = this.progress.plan(node.id, 'completed');
    const completed = stepEvent(step, 'completed', { output, duration: elapsedMs(step) });
    if (plan.isRecorded) {
      this.log.record([...events, completed], records);
      this.decideEdges(node);
    } else {
      const change = this.progress.finish(node.id, 'completed');
      this.log.record([...events, completed, this.progressEvent(change.skipped.length)], records);
      this.advance(change);
    }
    this.schedule();
  }

  private onNodeFailed(node: WorkflowNode, error: unknown): void {
    this.running.delete(node.id);
    if (this.isStopped) return;
    const step = this.nodes.runningSteps.get(node.id);
    const failure = { ...toFailure(error), nodeId: node.id };
    const { events, records } = this.endWaits(node.id);
    if (step)
      events.push(
        stepEvent(step, 'failed', {
          error: failure.message,
          code: failure.code,
          duration: elapsedMs(step),
        }),
      );
    this.nodes.runningSteps.delete(node.id);
    const members = { nodeType: node.type, ...(step && { stepId: step.stepId, attempt: step.attempt }) };
    const isBranching = this.progress.plan(node.id, 'failed').isRecorded;
    if (!isBranching && !this.unhandledFailure) {
      this.fail(failure, events, { error, ...members }, records);
      return;
    }
    this.errors.set(node.id, failure);
    this.log.record(events, records);
    this.logger.log(`a node failed: ${failure.message}`, { executionId: this.row.id, ...members });
    this.decideEdges(node, failure);
    this.schedule();
  }

  /**
   * Decides the outgoing edges of a node that is done, and records the decision. The decision of a node without conditions
   * follows in the same turn.
   * @param failure why the node failed; undefined if it completed
   */
  private decideEdges(node: WorkflowNode, failure?: ExecutionFailure): void {
    const outcome = failure ? 'failed' : 'completed';
    const plan = this.progress.plan(node.id, outcome);
    if (plan.conditions.length === 0) {
      this.applyDecision(node, failure, new Map());
      return;
    }
    this.deciding += 1;
    const decided = (work: () => void) =>
      this.whenNotPaused(() => {
        this.deciding -= 1;
        if (this.isStopped) return;
        work();
        this.schedule();
      });
    void this.branches.evaluate(node.id, plan).then(
      (values) => decided(() => this.applyDecision(node, failure, values)),
      (error: unknown) => decided(() => this.fail({ ...toFailure(error), nodeId: node.id }, [], { error })),
    );
  }

  private applyDecision(
    node: WorkflowNode,
    failure: ExecutionFailure | undefined,
    values: ReadonlyMap<number, boolean>,
  ): void {
    const outcome = failure ? 'failed' : 'completed';
    const { isRecorded } = this.progress.plan(node.id, outcome);
    const { taken, notTaken, isHandled, takesAlways } = this.progress.decide(node.id, outcome, values);
    const change = this.progress.finish(node.id, outcome, taken);
    const stepId = this.log.state.steps.findLast((step) => step.nodeId === node.id)!.stepId;
    const events: EventDraft[] = [];
    if (isRecorded)
      events.push({ type: 'execution:branch', fields: { nodeId: node.id, stepId, taken, notTaken } });
    if (failure && !isHandled && !takesAlways && !this.unhandledFailure) {
      this.fail(failure, events);
      return;
    }
    if (failure && !isHandled) this.unhandledFailure ??= failure;
    this.log.record([...events, this.progressEvent(change.skipped.length)]);
    this.advance(change);
  }

  /** Takes over the nodes that a decision has made ready or skipped. */
  private advance({ ready, skipped }: { ready: string[]; skipped: string[] }): void {
    this.recordSkips(skipped);
    if (ready.length === 0) return;
    this.ready = this.progress.inOrder([...this.ready, ...ready]);
  }

  private recordSkips(skipped: readonly string[]): void {
    if (skipped.length === 0) return;
    const steps = skipped.map((id) => ({
      node: this.graph.nodes.get(id)!,
      stepId: randomUUID(),
      attempt: 1,
    }));
    this.log.record([...steps.map((step) => stepEvent(step, 'skipped')), this.progressEvent(0)]);
  }

  /** @param pending number of nodes that are done, but whose events follow */
  private progressEvent(pending: number): EventDraft {
    return progressEvent(this.progress.doneCount - pending, this.graph.nodes.size);
  }

  /** Ends the waits of a node that is done without them. */
  private endWaits(nodeId: string): { events: EventDraft[]; records: RowChange | undefined } {
    const { events, records } = this.nodes.endWaits(this.endedWaits, nodeId);
    for (const { id } of records) this.endedWaits.delete(id);
    return { events, records: records.length > 0 ? { records } : undefined };
  }

  private complete(): void {
    const output = executionOutput(this.graph, this.outputs);
    const completedAt = new Date();
    const result = completedExecution(this.row, this.log.state, output, completedAt);
    void this.end(
      [],
      { type: 'execution:completed', fields: { result } },
      {
        status: 'completed',
        output,
        at: completedAt.toISOString(),
      },
    );
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
    change: RowChange = {},
  ): void {
    if (this.isStopped) return;
    logFailure(this.logger, this.row, failure, details);
    const row: RowChange = { ...change, status: 'failed', error: failure };
    void this.end(events, failedEvent(failure), row);
  }

  /**
   * Records the end, in one append with the steps and waits that it cuts off, and stops the run. No event follows. Child
   * executions end first.
   * @param events recorded before the terminal event
   */
  private async end(events: EventDraft[], terminal: EventDraft, change: RowChange): Promise<void> {
    if (this.isStopped) return;
    const { children, interceptors } = this.options;
    const openWaits = [...this.nodes.openWaits()];
    const hasChildren = openWaits.some(({ kind }) => kind === 'children');
    this.stop('the execution has ended');
    try {
      if (hasChildren) {
        // A child can be found and cancelled only when it is stored.
        await this.log.whenCommitted();
        // If this process crashes now, the next owner finds the failure and ends the execution again.
        if (events.length > 0)
          this.log.record(events, change.records ? { records: change.records } : undefined);
        const reason = `The execution above has ended: ${change.status}.`;
        await children.endAll(this.row.id, this.row.desired_state_by, reason);
      }
      if (openWaits.length > 0) await this.readEndedWaits();
      const used = hasChildren ? await this.nodes.readChildrenUsage(openWaits) : [];
      if (this.isReleased) return;
      const waits = this.nodes.endWaits(this.endedWaits);
      const records = [...((!hasChildren && change.records) || []), ...waits.records];
      const before = hasChildren ? [] : events;
      const usage = this.nodes.childrenUsageEvents(used);
      await this.log.append([...waits.events, ...usage, ...this.cutOffSteps(before), ...before, terminal], {
        ...change,
        records,
      });
      this.outcome.resolve('ended');
      if (interceptors) afterExecution(interceptors, this.row, change);
    } catch {
      this.outcome.resolve('released');
    }
  }

  /** Reads the waits that have ended during a pause or at this moment, so that the end records what became of them. */
  private async readEndedWaits(): Promise<void> {
    try {
      for (const wait of await this.options.readEndedWaits()) this.endedWaits.set(wait.id, wait);
    } catch (error) {
      this.logger.warn(`ended waits could not be read, they are cancelled: ${(error as Error).message}`, {
        executionId: this.row.id,
      });
    }
  }

  /** Makes the events of the steps that the end cuts off. @param events those of steps that end otherwise */
  private cutOffSteps(events: readonly EventDraft[]): EventDraft[] {
    const ended = new Set(
      events.map((event) => (event.type === 'execution:step' ? event.fields.stepId : undefined)),
    );
    return [...this.nodes.runningSteps.values(), ...this.nodes.waitingSteps.values()]
      .filter(({ stepId }) => !ended.has(stepId) && this.isOpenStep(stepId))
      .map((step) => stepEvent(step, 'cancelled', { duration: elapsedMs(step) }));
  }

  private isOpenStep(stepId: string): boolean {
    const status = this.log.state.steps.findLast((step) => step.stepId === stepId)?.status;
    return status === 'running' || status === 'waiting';
  }

  private stop(reason: string): void {
    this.isStopped = true;
    clearTimeout(this.parkTimer);
    this.nodes.pause();
    this.timeLimit.pause();
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
   * Frees the slot while the execution only waits, for a resume or for the end of a wait, and leaves it after a while. The
   * clock of the time limit stops, except while it waits for children.
   */
  private updateIdle(): void {
    clearTimeout(this.parkTimer);
    if (this.isStopped) return;
    const { state } = this.log;
    const isIdle = state.status === 'paused' || state.status === 'waiting';
    if (isIdle && !this.waitsForChildren) this.timeLimit.pause();
    else this.timeLimit.resume();
    if (isIdle && this.canPark) {
      this.parkTimer = setTimeout(() => this.park(), this.options.settings.PARK_TIMEOUT_MS);
      this.parkTimer.unref();
    }
    if (isIdle === this.isIdle) return;
    this.isIdle = isIdle;
    // After the commit, because children that begin with a wait can be claimed only then.
    this.log.whenCommitted().then(
      () => this.options.onIdle(isIdle),
      () => undefined,
    );
  }

  private get waitsForChildren(): boolean {
    const { status, waits } = this.log.state;
    return status === 'waiting' && waits.some(({ kind }) => kind === 'children');
  }

  /** Whether everything that is left to do is in the database. */
  private get canPark(): boolean {
    if (this.running.size > 0 || this.deciding > 0) return false;
    if (!this.isBegun && this.pauseGate.isOpen) return false;
    return !this.pauseGate.isOpen || (this.ready.length === 0 && this.endedWaits.size === 0);
  }

  /** Leaves the execution: its rows are all that is needed to continue it. */
  private park(): void {
    if (this.nodes.isMatching) {
      this.updateIdle();
      return;
    }
    const deadlineMs = this.waitsForChildren ? this.timeLimit.remainingMs : undefined;
    this.stop('the execution waits');
    this.outcome.resolve({ ...this.applied, ...(deadlineMs !== undefined && { deadlineMs }) });
  }
}

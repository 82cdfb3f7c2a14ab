import {
  type EventDraft,
  type ExecutionFailure,
  type Json,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import type { DesiredState } from '../../database/schema.js';
import { attribution } from '../../events/end-drafts.js';
import type { RowChange } from '../../journal/row-change.js';
import { Logger } from '../../logging/logger.js';
import type { ParkedRun } from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import { BranchDecider } from './branch-decider.js';
import type { EngineServices } from './engine-services.js';
import { failedEvent, logFailure, toFailure } from './execution-failure.js';
import { afterExecution, beforeExecution } from './execution-hooks.js';
import { ExecutionLimits } from './execution-limits.js';
import type { ExecutionLog } from './execution-log.js';
import { completedExecution, executionOutput } from './execution-result.js';
import { ExecutionEnd } from './execution-end.js';
import type { EdgePlan } from './graph-progress.js';
import { GraphState } from './graph-state.js';
import { Idleness } from './idleness.js';
import { CallsUnderWay } from './calls-under-way.js';
import { type KeptOutput, KeptOutputs } from './kept-output.js';
import { NodeRunner } from './node-runner.js';
import type { WaitRow } from './node-waits.js';
import { OutputBudget } from './output-budget.js';
import { PausableTimeout } from './pausable-timeout.js';
import { PauseGate } from './pause-gate.js';
import { elapsedMs, stepEvent } from './step-events.js';
import { StoppedError } from './stopped-error.js';
import { untilAnswered } from './until-answered.js';

export interface GraphRunOptions {
  readonly row: ExecutionRow;
  /** The caller has recorded `execution:started`, unless a parked execution was woken. */
  readonly log: ExecutionLog;
  /** The waits of the execution so far. */
  readonly waits: readonly WaitRow[];
  /** The steps that have stored work of agents. */
  readonly kept: readonly KeptOutput[];
  /** Reads the waits that have ended, and whose end the journal does not have. */
  readonly readEndedWaits: () => Promise<readonly WaitRow[]>;
  readonly services: EngineServices;
  /** How much of the execution's time limit earlier owners have used. */
  readonly spentMs: number;
  /** Called when the row's `idle` has changed. `true`: the execution only waits, for a resume or for the end of a wait. */
  readonly onIdle: (idle: boolean) => void;
}

/** Share of SHUTDOWN_TIMEOUT_MS in which calls of tools that are under way may end. */
const CALLS_SHARE = 0.4;

/** One execution while this process owns it: runs the graph and records what happens. */
export class GraphRun {
  private readonly logger = new Logger(GraphRun.name);
  private readonly row: ExecutionRow;
  private readonly log: ExecutionLog;
  private readonly graph: WorkflowGraph;
  private readonly state: GraphState;
  private readonly branches: BranchDecider;
  private readonly pauseGate = new PauseGate();
  private readonly callsUnderWay = new CallsUnderWay();
  private readonly stopController = new AbortController();
  /** Nodes that are done, and whose outgoing edges were not decided when this process took over. */
  private readonly undecided: readonly WorkflowNode[];
  /** Waits that have ended and are not applied yet, by id. */
  private readonly endedWaits = new Map<string, WaitRow>();
  /** The first failure that no error edge handles, while nodes that run in any case are not done. */
  private unhandledFailure: ExecutionFailure | undefined;
  private readonly budget: OutputBudget;
  private readonly nodes: NodeRunner;
  private readonly timeLimit: PausableTimeout;
  private readonly idleness: Idleness;
  private readonly ending: ExecutionEnd;
  private readonly outcome = Promise.withResolvers<'ended' | 'released' | ParkedRun>();
  /** Ids of the nodes that run, including those in a short backoff. */
  private readonly running = new Set<string>();
  /** Number of nodes whose outgoing edges are being decided. */
  private deciding = 0;
  /** The state of the row as this process has applied it. */
  private readonly applied: { wakes: number; desiredState: DesiredState };
  /** Whether nodes may start: not before `run`, and not while an interceptor may refuse the execution. */
  private isBegun = false;
  private isStopped = false;
  /** Whether the run will be released when the calls that were sent have ended. */
  private isReleasing = false;
  /** Whether another process continues the execution. */
  private isReleased = false;

  constructor(private readonly options: GraphRunOptions) {
    const { row, log, waits, services, spentMs } = options;
    const { children, conditions, priceOf, redactors, settings } = services;
    this.row = row;
    this.log = log;
    this.applied = { wakes: row.wakes, desiredState: row.desired_state };
    this.graph = new WorkflowGraph(row.workflow);
    this.state = new GraphState(this.graph);
    this.budget = new OutputBudget(settings, () => redactors.of(row.id));
    const hasChildren = waits.some(({ kind }) => kind === 'children');
    this.nodes = new NodeRunner({
      ...services,
      row,
      graph: this.graph,
      log,
      limits: new ExecutionLimits(row, log, children, priceOf, hasChildren, this.stopController.signal),
      kept: new KeptOutputs(options.kept),
      callsUnderWay: this.callsUnderWay,
      pauseGate: this.pauseGate,
      stopSignal: this.stopController.signal,
      outputs: this.state.outputs,
      errors: this.state.errors,
      budget: this.budget,
      onFailure: (failure) => this.fail(failure),
    });
    this.branches = new BranchDecider({
      row,
      graph: this.graph,
      conditions,
      outputs: this.state.outputs,
      errors: this.state.errors,
      signal: this.stopController.signal,
    });
    if (log.state.status === 'paused') this.pauseGate.close();
    this.nodes.restore(waits);
    this.undecided = this.state.restore(log.state, this.nodes.waitingSteps);
    for (const output of this.state.outputs.values()) this.budget.restore(output);
    const limitMs = row.options.timeoutMs ?? settings.EXECUTION_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(Math.max(1, limitMs - spentMs), () =>
      this.fail({
        code: 'execution_timeout',
        message: `The execution took longer than its limit of ${limitMs} ms.`,
      }),
    );
    this.idleness = new Idleness({
      log,
      timeLimit: this.timeLimit,
      parkTimeoutMs: settings.PARK_TIMEOUT_MS,
      canPark: () => this.canPark,
      onPark: () => this.park(),
      onIdle: options.onIdle,
    });
    const { nodes } = this;
    this.ending = new ExecutionEnd({ row, log, nodes, children, readEndedWaits: options.readEndedWaits });
  }

  /** Continues where the journal ends. Resolves when the run has ended, was released, or left the execution waiting. */
  run(): Promise<'ended' | 'released' | ParkedRun> {
    const { interceptors } = this.options.services;
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
    if (this.isStopped || this.isReleasing || this.pauseGate.isOpen) return;
    this.log.record([{ type: 'execution:resumed', fields: attribution(by, reason) }]);
    this.nodes.resume();
    this.pauseGate.open();
    // Also before the first node, when `schedule` does nothing: the pause has begun the time after which a run is parked.
    this.updateIdle();
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
    else if (this.isStopped || this.callsUnderWay.isEmpty) this.release();
    else void this.releaseAfterCalls();
  }

  /** Waits for the results of calls that were sent, because another process would not know whether they had an effect. */
  private async releaseAfterCalls(): Promise<void> {
    this.isReleasing = true;
    // Nothing new begins. Results are stored, as in a pause.
    this.pauseGate.close();
    await this.callsUnderWay.whenEmpty(this.options.services.settings.SHUTDOWN_TIMEOUT_MS * CALLS_SHARE);
    this.release();
  }

  /** Stops the run and records nothing: another process continues the execution. */
  release(): void {
    this.isReleased = true;
    if (!this.isStopped) this.nodes.recordUncounted();
    if (!this.isStopped) this.stop('the execution continues in another process');
    this.outcome.resolve('released');
  }

  /** Begins to run nodes, from the restored state. */
  private begin(): void {
    if (this.isStopped) return;
    this.isBegun = true;
    this.recordSkips(this.state.unrecordedSkips(this.log.state));
    const { first, runsOn } = this.state.unhandledFailure(this.log.state);
    this.unhandledFailure = first;
    for (const node of this.undecided) this.decideEdges(node);
    // An owner ends such an execution at once. This one has crashed before it could.
    if (first && !runsOn) this.fail(first);
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
      const { MAX_PARALLEL_NODES_PER_EXECUTION } = this.options.services.settings;
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
      while (this.state.hasReady && this.running.size < MAX_PARALLEL_NODES_PER_EXECUTION) {
        const node = this.state.takeReady()!;
        this.start(node, () => this.nodes.run(node));
      }
      const isDone = this.running.size === 0 && this.deciding === 0 && this.nodes.waitingSteps.size === 0;
      if (isDone && this.state.isDone) {
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

  /** Ends the children that a node has left open, and then records its end. */
  private async onNodeDone(node: WorkflowNode, record: () => void): Promise<void> {
    if (!this.isStopped && this.nodes.hasChildren(node.id))
      try {
        await this.log.whenCommitted();
        const reason = `The node ${node.id}, which started it, has ended.`;
        const { children } = this.options.services;
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
    this.state.outputs.set(node.id, output);
    const { events, records } = this.endWaits(node.id);
    const completed = stepEvent(step, 'completed', { output, duration: elapsedMs(step) });
    if (this.state.plan(node.id).isRecorded) {
      this.log.record([...events, completed], records);
      this.decideEdges(node);
    } else {
      const skipped = this.state.finish(node.id);
      this.log.record([...events, completed, this.state.progressEvent(skipped.length)], records);
      this.recordSkips(skipped);
    }
    this.schedule();
  }

  private onNodeFailed(node: WorkflowNode, error: unknown): void {
    this.running.delete(node.id);
    if (this.isStopped) return;
    this.nodes.recordUncounted();
    const step = this.nodes.runningSteps.get(node.id);
    const failure = this.withoutSecrets({ ...toFailure(error), nodeId: node.id });
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
    this.state.errors.set(node.id, failure);
    if (!this.state.plan(node.id).isRecorded && !this.unhandledFailure) {
      this.fail(failure, events, { error, ...members }, records);
      return;
    }
    this.log.record(events, records);
    this.logger.log(`a node failed: ${failure.message}`, { executionId: this.row.id, ...members });
    this.decideEdges(node);
    this.schedule();
  }

  /** Other nodes may send the message of a failure anywhere, as they may send an output. */
  private withoutSecrets<Failure extends ExecutionFailure>(failure: Failure): Failure {
    const redactor = this.options.services.redactors.of(this.row.id);
    return { ...failure, message: redactor.text(failure.message) };
  }

  /**
   * Decides the outgoing edges of a node that is done, and records the decision. The decision of a node without conditions
   * follows in the same turn.
   */
  private decideEdges(node: WorkflowNode): void {
    const plan = this.state.plan(node.id);
    if (plan.conditions.length === 0) {
      this.applyDecision(node, plan, new Map());
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
      (values) => decided(() => this.applyDecision(node, plan, values)),
      (error: unknown) => decided(() => this.fail({ ...toFailure(error), nodeId: node.id }, [], { error })),
    );
  }

  private applyDecision(node: WorkflowNode, plan: EdgePlan, values: ReadonlyMap<number, boolean>): void {
    const { taken, notTaken, isHandled, takesAlways } = this.state.decide(node.id, values);
    const skipped = this.state.finish(node.id, taken);
    const stepId = this.log.state.steps.findLast((step) => step.nodeId === node.id)!.stepId;
    const events: EventDraft[] = [];
    if (plan.isRecorded)
      events.push({ type: 'execution:branch', fields: { nodeId: node.id, stepId, taken, notTaken } });
    const failure = isHandled ? undefined : this.state.errors.get(node.id);
    if (failure && !takesAlways && !this.unhandledFailure) {
      this.fail(failure, events);
      return;
    }
    this.unhandledFailure ??= failure;
    this.log.record([...events, this.state.progressEvent(skipped.length)]);
    this.recordSkips(skipped);
  }

  private recordSkips(skipped: readonly string[]): void {
    if (skipped.length > 0)
      this.log.record([...this.state.skippedEvents(skipped), this.state.progressEvent()]);
  }

  /** Ends the waits of a node that is done without them. */
  private endWaits(nodeId: string): { events: EventDraft[]; records: RowChange | undefined } {
    const { events, records } = this.nodes.endWaits(this.endedWaits, nodeId);
    for (const { id } of records) this.endedWaits.delete(id);
    return { events, records: records.length > 0 ? { records } : undefined };
  }

  private complete(): void {
    const output = executionOutput(this.graph, this.state.outputs);
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
   * Stops the run and records the end. No event follows.
   * @param events recorded before the terminal event
   */
  private async end(events: EventDraft[], terminal: EventDraft, change: RowChange): Promise<void> {
    if (this.isStopped) return;
    const { interceptors } = this.options.services;
    this.stop('the execution has ended');
    try {
      const end = { events, terminal, change };
      if (!(await this.ending.record(end, this.endedWaits, () => this.isReleased))) return;
      this.outcome.resolve('ended');
      if (interceptors) afterExecution(interceptors, this.row, change);
    } catch {
      this.outcome.resolve('released');
    }
  }

  private stop(reason: string): void {
    this.isStopped = true;
    this.nodes.pause();
    this.idleness.stop();
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

  private updateIdle(): void {
    if (!this.isStopped) this.idleness.update();
  }

  /** Whether everything that is left to do is in the database. */
  private get canPark(): boolean {
    if (this.running.size > 0 || this.deciding > 0) return false;
    if (!this.isBegun && this.pauseGate.isOpen) return false;
    return !this.pauseGate.isOpen || (!this.state.hasReady && this.endedWaits.size === 0);
  }

  /** Leaves the execution: its rows are all that is needed to continue it. */
  private park(): void {
    if (this.nodes.isMatching) {
      this.updateIdle();
      return;
    }
    const deadlineMs = this.idleness.waitsForChildren ? this.timeLimit.remainingMs : undefined;
    this.stop('the execution waits');
    this.outcome.resolve({ ...this.applied, ...(deadlineMs !== undefined && { deadlineMs }) });
  }
}

import type { EventDraft, Json, WorkflowNode } from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedWait, RowChange } from '../../journal/row-change.js';
import { causeOf } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { NodeError } from '../extension/node-handler.js';
import { toFailure } from './execution-failure.js';
import { NodeAttempt } from './node-attempt.js';
import type { NodeScope } from './node-scope.js';
import {
  type KnownWait,
  newWait,
  recordedWait,
  type WaitRow,
  waitEndedEvent,
  type WantedWait,
  waitingEvent,
} from './node-waits.js';
import { NodeRetries } from './retry-policy.js';
import { elapsedMs, type RunningStep, stepEvent } from './step-events.js';
import { StoppedError } from './stopped-error.js';
import { untilAnswered } from './until-answered.js';
import { type NodeUsage, usageEvents } from './usage.js';

/** The result of running a node: its output, or that it stands still until a wait ends. */
export type NodeResult = { output: Json } | 'waiting';

/** Keys of the engine's own waits. The key of a node's wait cannot begin with `$`. */
const RETRY_KEY = '$retry:';
const FAILURE_KEY = '$failure:';
const isOfEngine = ({ key }: Pick<KnownWait, 'key'>): boolean =>
  key.startsWith(RETRY_KEY) || key.startsWith(FAILURE_KEY);

/** Runs the nodes of one execution, each with as many attempts as it may have, and keeps their waits. */
export class NodeRunner {
  private readonly logger = new Logger(NodeRunner.name);
  /** Steps that have begun and whose end is not recorded yet, by node id. */
  readonly runningSteps = new Map<string, RunningStep>();
  /** Steps of the nodes that stand still, by node id. A node that waits for its next attempt has its last step here. */
  readonly waitingSteps = new Map<string, RunningStep>();
  private readonly attempts = new Set<NodeAttempt>();
  /** The waits of each node, by key. */
  private readonly waits = new Map<string, Map<string, KnownWait>>();

  /** Tokens of calls of models that were cut off, and that no event counts yet. */
  private uncounted: NodeUsage[] = [];

  /** Number of searches for kept signals that have not ended. */
  private matching = 0;

  constructor(private readonly scope: NodeScope) {}

  /** Whether a kept signal may end a wait. The execution is not left before that is known. */
  get isMatching(): boolean {
    return this.matching > 0;
  }

  /** Takes over the waits and the waiting steps of an earlier owner. */
  restore(rows: readonly WaitRow[]): void {
    const { graph, log } = this.scope;
    for (const row of rows) {
      const node = graph.nodes.get(row.node_id);
      if (!node) continue;
      // An end that the journal does not have yet is applied later, as if it came now.
      this.waitsOf(row.node_id).set(row.key, row.recorded ? row : { ...row, outcome: null });
      const step = log.state.steps.findLast(({ nodeId }) => nodeId === row.node_id);
      // A node whose handler ran again when its owner died runs once more, and then waits for what is left.
      const isWaiting = step?.status === 'waiting' || row.key.startsWith(RETRY_KEY);
      if (row.recorded || !step || !isWaiting) continue;
      const { stepId, attempt } = step;
      // The duration of a step contains its waits, also those in which no process had it.
      const startedAt = performance.now() - Math.max(0, Date.now() - Date.parse(step.startedAt));
      this.waitingSteps.set(row.node_id, { node, stepId, attempt, startedAt });
    }
    // The earlier owner may have died before it looked for signals that were sent before the wait began.
    if (rows.some(({ kind, outcome }) => kind === 'signal' && outcome === null))
      void this.matchSignals(Promise.resolve());
  }

  /** The open waits of all nodes. */
  *openWaits(): Iterable<KnownWait> {
    for (const waits of this.waits.values()) for (const wait of waits.values()) if (!wait.outcome) yield wait;
  }

  /** Whether the end of a wait is not applied yet. */
  isOpen({ id, node_id, key }: WaitRow): boolean {
    const wait = this.waits.get(node_id)?.get(key);
    return wait?.id === id && !wait.outcome;
  }

  /** Whether a node has begun a wait for children that has not ended. */
  hasChildren(nodeId: string): boolean {
    return [...this.openWaits()].some(({ node_id, kind }) => node_id === nodeId && kind === 'children');
  }

  /** Stops the clocks of all time limits until `resume`. The pause gate stops the handlers. */
  pause(): void {
    for (const attempt of this.attempts) attempt.pause();
  }

  resume(): void {
    for (const attempt of this.attempts) attempt.resume();
  }

  /**
   * Runs a node until it succeeds, fails permanently, has no attempt left, or stands still. The caller must record the end of
   * the last step.
   * @throws the error of the last attempt
   */
  run(node: WorkflowNode): Promise<NodeResult> {
    return this.attemptUntilDone(node);
  }

  /**
   * Continues a node of which waits have ended. Records their ends with the next status of the step.
   * @param ended waits of this node
   */
  async continue(node: WorkflowNode, ended: readonly WaitRow[]): Promise<NodeResult> {
    const { log } = this.scope;
    const step = this.waitingSteps.get(node.id)!;
    const { pauseGate, stopSignal } = this.scope;
    const used = await untilAnswered(() => this.readChildrenUsage(ended), stopSignal);
    while (!pauseGate.isOpen) await pauseGate.pass(stopSignal);
    stopSignal.throwIfAborted();
    // From here to the record no other code runs: a pause or an end in between would not find the step or the waits.
    this.waitingSteps.delete(node.id);
    const waits = this.waitsOf(node.id);
    for (const row of ended) waits.set(row.key, row);
    const events = [...ended.map(waitEndedEvent), ...this.childrenUsageEvents(used)];
    const change: RowChange = { records: ended.map(recordedWait) };
    const ofEngine = ended.find(isOfEngine);
    if (!ofEngine && [...waits.values()].some((wait) => !wait.outcome && isOfEngine(wait))) {
      // The node waits for its next attempt, or for a person who decides about it. That attempt finds these ends.
      log.record(events, change);
      this.waitingSteps.set(node.id, step);
      return 'waiting';
    }
    const first = ofEngine ?? ended[0]!;
    if (first.key.startsWith(RETRY_KEY)) return this.attemptUntilDone(node, { events, change });
    if (first.key.startsWith(FAILURE_KEY)) return this.settleFailure(node, step, first, { events, change });
    const resumed = { ...step, isResumed: true };
    this.runningSteps.set(node.id, resumed);
    log.record([...events, stepEvent(resumed, 'running')], change);
    if (used.length > 0) await this.checkLimits(node);
    return this.attemptUntilDone(node, undefined, resumed);
  }

  /**
   * Returns the events and the change that end all waits of a node, or of all nodes. Waits that are open are cancelled.
   * @param ended waits that have ended, but are not applied, by id
   */
  endWaits(
    ended: ReadonlyMap<string, WaitRow>,
    nodeId?: string,
  ): { events: EventDraft[]; records: RecordedWait[] } {
    const left = [...this.openWaits()].filter((wait) => nodeId === undefined || wait.node_id === nodeId);
    for (const wait of left) {
      const row = ended.get(wait.id);
      wait.outcome = row?.outcome ?? 'cancelled';
      wait.settled_by = row?.settled_by ?? null;
    }
    return { events: left.map(waitEndedEvent), records: left.map(recordedWait) };
  }

  /** Reads the tokens that the children which began with these waits have used. */
  async readChildrenUsage(waits: readonly KnownWait[]): Promise<NodeUsage[]> {
    const { row, children } = this.scope;
    const ofChildren = waits.filter(({ kind }) => kind === 'children');
    const used = await Promise.all(
      [...Map.groupBy(ofChildren, ({ node_id }) => node_id)].map(async ([nodeId, own]) => {
        const waitIds = own.map(({ id }) => id);
        return (await children.usage(row.id, waitIds)).map((use) => ({ nodeId, ...use }));
      }),
    );
    return used.flat();
  }

  /**
   * Makes the events by which the usage of children counts towards this execution. Record them in the same turn: they have
   * running totals, which any other usage changes.
   */
  childrenUsageEvents(used: readonly NodeUsage[]): EventDraft[] {
    const { log, priceOf } = this.scope;
    return usageEvents(log.state, used, priceOf, { ofChildren: true });
  }

  /** Records the tokens of calls of models that were cut off, also those of attempts that are being stopped. */
  recordUncounted(): void {
    const { log, priceOf, limits } = this.scope;
    for (const attempt of this.attempts) this.keepCutOffUsage(attempt);
    const used = this.uncounted;
    if (used.length === 0) return;
    this.uncounted = [];
    const treeUsage = used.flatMap(({ model, ...usage }) => limits.treeChange(model, usage)?.treeUsage ?? []);
    log.record(usageEvents(log.state, used, priceOf), treeUsage.length > 0 ? { treeUsage } : undefined);
  }

  /** @param begins what is recorded together with the first attempt; `resumed` continues a step instead */
  private async attemptUntilDone(
    node: WorkflowNode,
    begins?: { events: readonly EventDraft[]; change: RowChange },
    resumed?: RunningStep,
  ): Promise<NodeResult> {
    const { log, settings, pauseGate, stopSignal } = this.scope;
    const retries = new NodeRetries(node, this.scope.row, settings);
    let next = resumed;
    let recorded = begins;
    for (;;) {
      while (!pauseGate.isOpen) await pauseGate.pass(stopSignal);
      stopSignal.throwIfAborted();
      const step = next ?? this.newStep(node);
      this.runningSteps.set(node.id, step);
      if (!next) log.record([...(recorded?.events ?? []), stepEvent(step, 'running')], recorded?.change);
      [next, recorded] = [undefined, undefined];
      try {
        const result = await this.attempt(step);
        if ('output' in result) return result;
        while (!pauseGate.isOpen) await pauseGate.pass(stopSignal);
        stopSignal.throwIfAborted();
        this.wait(step, result.waits);
        return 'waiting';
      } catch (error) {
        if (stopSignal.aborted || error instanceof StoppedError) throw error;
        const delayMs = retries.delayMs(error, log.state);
        // No other turn may come between the check of the gate and the record, so this is not a method of its own.
        while (!pauseGate.isOpen) await pauseGate.pass(stopSignal);
        this.recordUncounted();
        if (delayMs === undefined && !retries.waitsWhenExhausted) throw error;
        if (delayMs === undefined) return this.waitForPerson(step, error);
        if (delayMs >= settings.LONG_RETRY_DELAY_MS)
          return this.retryLater(step, error as NodeError, delayMs);
        log.record(this.retryEvents(step, error as NodeError, delayMs));
        await sleep(delayMs, undefined, { signal: stopSignal });
      }
    }
  }

  private async attempt(step: RunningStep): Promise<{ output: Json } | { waits: WantedWait[] }> {
    const attempt = new NodeAttempt(this.scope, step, this.waitsOf(step.node.id));
    this.attempts.add(attempt);
    try {
      return await attempt.run();
    } finally {
      this.attempts.delete(attempt);
      this.keepCutOffUsage(attempt);
    }
  }

  private keepCutOffUsage(attempt: NodeAttempt): void {
    const used = attempt.takeCutOffUsage();
    if (used) this.uncounted.push(used);
  }

  private newStep(node: WorkflowNode): RunningStep {
    const attempts = this.scope.log.state.steps.filter(({ nodeId }) => nodeId === node.id).length;
    return {
      node,
      stepId: randomUUID(),
      attempt: attempts + 1,
      startedAt: performance.now(),
      continues: this.scope.kept.stepOf(node.id),
    };
  }

  /** Records that a node stands still. Waits that are open already go on. */
  private wait(
    step: RunningStep,
    wanted: readonly WantedWait[],
    extraEvents: readonly EventDraft[] = [],
  ): void {
    const { row, log, limits } = this.scope;
    const nodeId = step.node.id;
    const known = this.waitsOf(nodeId);
    const fresh = wanted.filter(({ key }) => !known.has(key));
    const opens = fresh.map((each) =>
      newWait(each, { projectId: row.project_id, nodeId, stepId: step.stepId }),
    );
    const children = fresh.flatMap((each, index) =>
      each.children ? [{ ...each.children, waitId: opens[index]!.id }] : [],
    );
    this.runningSteps.delete(nodeId);
    this.waitingSteps.set(nodeId, step);
    for (const { id, key, kind, details } of opens)
      known.set(key, {
        id,
        node_id: nodeId,
        step_id: step.stepId,
        key,
        kind,
        request: details,
        outcome: null,
      });
    const events = extraEvents.length > 0 ? extraEvents : [stepEvent(step, 'waiting')];
    const committed = log.append([...events, ...opens.map(waitingEvent)], {
      opens,
      ...(children.length > 0 && { children, ...limits.beginTree() }),
    });
    committed.then(
      () => children.length > 0 && this.scope.children.onBegun(),
      () => undefined,
    );
    if (opens.some(({ kind }) => kind === 'signal')) void this.matchSignals(committed);
  }

  /** Ends open waits by the signals that were sent before they began. @param committed when the waits are stored */
  private async matchSignals(committed: Promise<void>): Promise<void> {
    const { row, signals, stopSignal } = this.scope;
    this.matching += 1;
    try {
      await committed;
      await untilAnswered(() => signals.matchKept(row.id), stopSignal);
    } catch {
      // This process stops. The next owner looks for the signals.
    } finally {
      this.matching -= 1;
    }
  }

  private retryEvents(step: RunningStep, error: NodeError, delayMs: number): EventDraft[] {
    const { row } = this.scope;
    const { node, stepId, attempt } = step;
    this.logger.log(`an attempt failed and will be repeated: ${error.message}`, ...causeOf(error), {
      executionId: row.id,
      nodeId: node.id,
      nodeType: node.type,
      stepId,
      attempt,
      code: error.code,
    });
    this.runningSteps.delete(node.id);
    const { message, code } = toFailure(error);
    return [
      stepEvent(step, 'retrying', { error: message, code, duration: elapsedMs(step), ...this.keptOf(step) }),
      {
        type: 'execution:retry',
        fields: { nodeId: node.id, attempt: attempt + 1, delayMs, error: message },
      },
    ];
  }

  /** Waits for the next attempt by a timer, which holds no slot and survives a restart. */
  private retryLater(step: RunningStep, error: NodeError, delayMs: number): NodeResult {
    const key = `${RETRY_KEY}${step.attempt}`;
    const wanted: WantedWait = { key, kind: 'timer', details: {}, until: { ms: delayMs } };
    this.wait(step, [wanted], this.retryEvents(step, error, delayMs));
    return 'waiting';
  }

  /** Waits for a person, who decides what follows a failure that cannot be repeated any more. */
  private waitForPerson(step: RunningStep, thrown: unknown): NodeResult {
    const { message: error, code } = toFailure(thrown);
    const { id: executionId } = this.scope.row;
    this.logger.warn(`a node failed and waits for a person: ${error}`, {
      executionId,
      nodeId: step.node.id,
      code,
    });
    this.wait(step, [{ key: `${FAILURE_KEY}${step.attempt}`, kind: 'failure', details: { error, code } }]);
    return 'waiting';
  }

  private settleFailure(
    node: WorkflowNode,
    step: RunningStep,
    { answer, request }: KnownWait,
    { events, change }: { events: readonly EventDraft[]; change: RowChange },
  ): Promise<NodeResult> {
    const { action, output, reason } = (answer ?? {}) as { action?: string; output?: Json; reason?: string };
    const error = request.error ?? '';
    const code = request.code ?? 'node_failed';
    if (action === 'retry') {
      const retrying = stepEvent(step, 'retrying', { error, code, ...this.keptOf(step) });
      return this.attemptUntilDone(node, { events: [...events, retrying], change });
    }
    // The end of the step follows in the same turn, so it is in the same commit.
    this.scope.log.record(events, change);
    this.runningSteps.set(node.id, step);
    if (action === 'output') return Promise.resolve({ output: output ?? null });
    return Promise.reject(new NodeError(code, reason ? `${error} (${reason})` : error));
  }

  private keptOf({ node, stepId }: RunningStep): { keptThrough?: number } {
    return this.scope.kept.fieldsOf({ nodeId: node.id, stepId });
  }

  private async checkLimits(node: WorkflowNode): Promise<void> {
    const exceeded = await this.scope.limits.exceeded();
    if (exceeded) this.scope.onFailure({ ...exceeded, nodeId: node.id });
  }

  private waitsOf(nodeId: string): Map<string, KnownWait> {
    const waits = this.waits.get(nodeId) ?? new Map<string, KnownWait>();
    this.waits.set(nodeId, waits);
    return waits;
  }
}

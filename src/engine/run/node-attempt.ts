import type { EventDraft, Json } from '@cloutagent/contract';
import type { RowChange } from '../../journal/row-change.js';
import { messageOf, readable } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { inContext } from '../../logging/work-context.js';
import { deepFreeze } from '../../common/deep-freeze.js';
import {
  type ApprovalDecision,
  NodeError,
  type NodeEvent,
  TransientError,
} from '../extension/node-handler.js';
import type { RegisteredType } from '../extension/node-registry.js';
import type { AgentRun } from '../extension/agent-run.js';
import { AgentRounds } from './agent-rounds.js';
import { conditionDocument } from './condition-document.js';
import { emittedEvent } from './emitted-event.js';
import { EmittedText } from './emitted-text.js';
import { toFailure } from './execution-failure.js';
import { filledConfig, parseConfig, registeredType, usedCallbacks, usedVariables } from './node-config.js';
import type { NodeScope } from './node-scope.js';
import { Suspension } from './suspension.js';
import type { KnownWait, WantedWait } from './node-waits.js';
import { PausableTimeout } from './pausable-timeout.js';
import { failuresOf } from './retry-policy.js';
import type { RunningStep } from './step-events.js';
import { StoppedError } from './stopped-error.js';
import type { ModelUsage, ReportedUsage } from '../extension/model-usage.js';
import type { InterceptedStep } from '../extension/step-hooks.js';
import { SecretReferences } from '../extension/secret-references.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import { SecretReveal } from './secret-reveal.js';
import { StepInterception } from './step-interception.js';
import { untilAnswered } from './until-answered.js';
import { type NodeUsage, usageEvents } from './usage.js';

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
  /** Passes the step through the interceptors; undefined if there are none. */
  private readonly interception: StepInterception | undefined;
  /** The waits that the handler has begun in this call. */
  private readonly suspension: Suspension;
  /** Stands for the secrets in the config of this attempt alone. */
  private readonly secrets = new SecretReferences();
  private readonly reveals: SecretReveal;
  /** Whether the handler waits for something that does not count towards the time limit. */
  private isUntimed = false;
  /** What the code of a module emits: its texts may cut a secret in two. */
  private readonly emitted: EmittedText;
  /** The call of a model that is in progress. */
  private openCall: { model: string; reported: () => ReportedUsage | undefined } | undefined;

  /** @param waits the waits of the node so far, by key */
  constructor(
    private readonly scope: NodeScope,
    private readonly step: RunningStep,
    waits: ReadonlyMap<string, KnownWait>,
  ) {
    this.limitMs = step.node.data.timeoutMs ?? scope.settings.NODE_TIMEOUT_MS;
    this.timeLimit = new PausableTimeout(this.limitMs, () => this.onTimeLimit());
    this.signal = AbortSignal.any([scope.stopSignal, this.abortController.signal]);
    this.failure.promise.catch(() => undefined);
    this.interception = scope.interceptors && this.intercept(scope.interceptors);
    this.suspension = new Suspension(scope, step, waits, this.signal);
    this.reveals = new SecretReveal(scope, this.secrets, this.signal);
    this.emitted = new EmittedText(() => scope.redactors.of(scope.row.id));
  }

  /**
   * Runs the node's handler once.
   * @returns the node's output, or the waits for which it stands still
   * @throws the error of the handler; NodeError for an invalid config or output; TransientError `node_timeout`
   */
  async run(): Promise<{ output: Json } | { waits: WantedWait[] }> {
    const { row, pauseGate, budget, stopSignal } = this.scope;
    const { node, stepId } = this.step;
    const { interception } = this;
    const members = { executionId: row.id, nodeId: node.id, stepId };
    const context = { members, onStray: (error: unknown) => this.onUnhandledError(error, members) };
    try {
      const type = registeredType(this.scope, node);
      if (pauseGate.isOpen) this.timeLimit.resume();
      const running = inContext(context, () =>
        interception ? this.runIntercepted(type, interception) : this.fillAndRun(type),
      );
      const result = await Promise.race([
        running.then((output) => ({ output: output ?? null })),
        this.failure.promise,
        this.suspension.begun.then((waits) => ({ waits })),
      ]);
      return 'waits' in result ? result : { output: budget.admit(result.output, type.code !== undefined) };
    } catch (thrown) {
      const error = readable(thrown);
      if (!interception || stopSignal.aborted || error instanceof StoppedError) throw error;
      throw await inContext(context, () => interception.error(error));
    } finally {
      this.timeLimit.pause();
      this.abortController.abort(new StoppedError('the attempt has ended, or the node waits'));
    }
  }

  /** Stops the clock of the time limit, because the execution is paused. */
  pause(): void {
    if (!this.isUntimed) this.timeLimit.pause();
  }

  resume(): void {
    if (!this.isUntimed && !this.signal.aborted) this.timeLimit.resume();
  }

  /**
   * Returns what the call of a model has used that the end of the attempt cut off, and forgets the call; undefined if no call
   * is in progress, or if the provider has reported nothing.
   */
  takeCutOffUsage(): NodeUsage | undefined {
    const { openCall, step } = this;
    this.openCall = undefined;
    if (!openCall) return undefined;
    step.finish = { incomplete: true };
    const reported = openCall.reported();
    if (!reported) return undefined;
    const { input = 0, output = 0, ...more } = reported;
    return { nodeId: step.node.id, model: openCall.model, input, output, ...more, incomplete: true };
  }

  private async fillAndRun(type: RegisteredType): Promise<Json> {
    return this.runHandler(type, parseConfig(this.scope, type, await this.filledConfig()));
  }

  /** Fills the placeholders of the config. Addresses for callbacks are made first. */
  private async filledConfig(): Promise<unknown> {
    const { scope, step, signal, secrets } = this;
    const { id, project_id: projectId } = scope.row;
    const callbacks = usedCallbacks(scope, step.node);
    const variables = usedVariables(scope, step.node);
    const addresses = new Map<string, string>();
    for (const nodeId of callbacks)
      addresses.set(nodeId, await untilAnswered(() => scope.callbacks.addressOf(id, nodeId), signal));
    const vars =
      variables.length === 0
        ? {}
        : await untilAnswered(() => scope.values.variables(projectId, variables), signal);
    return filledConfig(scope, step.node, {
      vars,
      secrets,
      ...(callbacks.length > 0 && { callbackUrl: (nodeId: string) => addresses.get(nodeId) }),
    });
  }

  /** Runs the handler between the interceptors. */
  private async runIntercepted(type: RegisteredType, interception: StepInterception): Promise<Json> {
    const { scope } = this;
    const filled = await this.filledConfig();
    const config = parseConfig(scope, type, await interception.config(filled), interception.step);
    this.signal.throwIfAborted();
    const output = (await this.runHandler(type, config)) ?? null;
    this.signal.throwIfAborted();
    if (!interception.has('output')) return output;
    // A copy, because other nodes may share parts of it.
    return interception.output(JSON.parse(scope.budget.check(output)) as Json);
  }

  private runHandler({ handler, code }: RegisteredType, config: unknown): Promise<Json> {
    const nodeRun = this.nodeRun(config, code !== undefined);
    if (!code) return handler.run(nodeRun);
    return this.runModule(() => this.scope.monitor.call(code.run, () => handler.run(nodeRun)));
  }

  /** Runs the handler of a module, and records what its texts have held back. */
  private async runModule(handler: () => Promise<Json>): Promise<Json> {
    try {
      const output = await handler();
      return await this.withoutHeldText(() => Promise.resolve(output));
    } catch (error) {
      await this.withoutHeldText(() => Promise.resolve()).catch(() => undefined);
      throw error;
    }
  }

  /** Records the text that is held back before `work`. */
  private async withoutHeldText<T>(work: () => Promise<T>): Promise<T> {
    if (this.emitted.isHolding)
      await this.record(() => this.emitted.end({ stepId: this.step.stepId, nodeId: this.step.node.id }));
    return work();
  }

  private intercept(interceptors: StepInterceptors): StepInterception {
    const { row } = this.scope;
    const { node, stepId, attempt } = this.step;
    const step: InterceptedStep = {
      executionId: row.id,
      projectId: row.project_id,
      tags: row.tags,
      createdBy: row.created_by,
      nodeId: node.id,
      nodeType: node.type,
      stepId,
      attempt,
      signal: this.signal,
    };
    return new StepInterception(interceptors, step, (error) => this.failure.reject(error));
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
    const nodeId = this.step.node.id;
    const fail = (shown: unknown) => {
      const unchanged = { code: 'node_failed', message: `The node failed: ${messageOf(error)}` };
      onFailure({ ...(shown === error ? unchanged : toFailure(shown)), nodeId });
    };
    if (this.interception) void this.interception.error(error).then(fail);
    else fail(error);
  }

  /** Makes the handler's view of the attempt. */
  private nodeRun(config: unknown, isForeign: boolean): AgentRun<unknown> {
    const { row, graph, outputs } = this.scope;
    const { node, stepId, attempt } = this.step;
    const inputs = Object.fromEntries(
      graph.parentsOf(node.id).flatMap((id) => (outputs.has(id) ? [[id, outputs.get(id)!]] : [])),
    );
    if (isForeign) for (const shared of [inputs, row.input, row.tags]) deepFreeze(shared);
    return {
      executionId: row.id,
      projectId: row.project_id,
      tags: row.tags,
      createdBy: row.created_by,
      nodeId: node.id,
      stepId,
      attempt,
      config,
      input: row.input,
      inputs,
      signal: this.signal,
      emit: (event: NodeEvent) =>
        handled(
          this.record(() =>
            isForeign
              ? this.eventDrafts(event).flatMap((draft) => this.emitted.take(draft))
              : this.eventDrafts(event),
          ),
        ),
      countTokens: (model, usage) => handled(this.countTokens(model, usage)),
      decision: () => handled(this.decision()),
      untimed: (wait) => handled(this.untimed(wait)),
      waitFor: (request) => handled(this.withoutHeldText(() => this.suspension.waitFor(request))),
      lastCompletedChild: () => handled(this.suspension.lastCompletedChild()),
      runChildren: (request) => handled(this.withoutHeldText(() => this.suspension.runChildren(request))),
      reveal: (value, target) => handled(this.reveals.reveal(value, target)),
      redact: (text) => this.scope.redactors.of(row.id).text(text),
      resumed: this.step.isResumed === true,
      checkLimits: (model) => handled(this.checkLimits(model)),
      rounds: this.rounds(),
      endedWait: (key) => this.suspension.ended(key),
      failures: failuresOf(node.id, this.scope.log.state),
      conditionDocument: (conditions) => conditionDocument(this.scope, node.id, conditions),
      revealSetting: (value, target) => handled(this.reveals.reveal(this.secrets.inSetting(value), target)),
      beginCall: (model, reported) => {
        this.openCall = { model, reported };
      },
      setFinish: (finish) => {
        this.step.finish = {
          finishReason: finish.finishReason,
          ...(finish.incomplete && { incomplete: true }),
        };
      },
      ...(this.interception?.tools && { toolHooks: this.interception.tools }),
    };
  }

  /** Makes the draft of an event that the node emits; none if an interceptor drops it. */
  private eventDrafts(event: NodeEvent): EventDraft[] {
    const ids = { stepId: this.step.stepId, nodeId: this.step.node.id };
    const toDraft = (each: NodeEvent) => emittedEvent(each, ids, this.scope.budget);
    const draft = toDraft(event);
    if (!this.interception?.has('event')) return [draft];
    // A copy, because the node may keep the event.
    const changed = this.interception.event(JSON.parse(JSON.stringify(event)) as NodeEvent, toDraft);
    return changed === null ? [] : [toDraft(changed)];
  }

  /** Records events when the execution is not paused, and waits while too many events are not committed yet. */
  private async record(drafts: () => EventDraft[], change?: () => RowChange | undefined): Promise<void> {
    const { pauseGate, log } = this.scope;
    this.signal.throwIfAborted();
    while (!pauseGate.isOpen) await pauseGate.pass(this.signal);
    const events = drafts();
    if (events.length > 0) log.record(events, change?.());
    await log.waitForCapacity();
    this.signal.throwIfAborted();
  }

  private async countTokens(model: string, usage: ModelUsage): Promise<void> {
    const { limits } = this.scope;
    await this.record(
      () => this.counted(model, usage).events,
      () => limits.treeChange(model, usage),
    );
    await this.checkLimits();
  }

  /** Makes the events and the change that count a call. Record them in the same turn: they have running totals. */
  private counted(model: string, usage: ModelUsage): { events: EventDraft[]; change: RowChange | undefined } {
    const { log, priceOf, limits } = this.scope;
    this.openCall = undefined;
    const events = usageEvents(log.state, [{ nodeId: this.step.node.id, model, ...usage }], priceOf);
    return { events, change: limits.treeChange(model, usage) };
  }

  private rounds(): AgentRounds {
    const { scope, step, signal } = this;
    return new AgentRounds({
      scope,
      step,
      signal,
      drafts: (event) => this.eventDrafts(event),
      counted: (model, usage) => this.counted(model, usage),
    });
  }

  private async checkLimits(model?: string): Promise<void> {
    const exceeded = await this.scope.limits.exceeded(model);
    if (exceeded) this.scope.onFailure({ ...exceeded, nodeId: this.step.node.id });
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

  private async decision(): Promise<ApprovalDecision> {
    const result = await this.withoutHeldText(() => this.suspension.waitFor({ kind: 'approval' }));
    // Without `expiresInMs` the wait cannot expire.
    if (result.outcome === 'expired') throw new NodeError('approval_expired', 'The approval has expired.');
    const { approved, by, comment } = result;
    return { approved, by, comment };
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

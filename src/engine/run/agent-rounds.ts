import { createHash } from 'node:crypto';
import type { EventDraft, Json } from '@cloutagent/contract';
import { abortable } from '../../common/abortable.js';
import type { RowChange, ToolCallChange } from '../../journal/row-change.js';
import type { NewRound, Round, RoundCall, RoundStore, StoredResult } from '../extension/agent-run.js';
import type { ModelUsage } from '../extension/model-usage.js';
import type { NodeEvent } from '../extension/node-handler.js';
import type { NodeScope } from './node-scope.js';
import type { RunningStep } from './step-events.js';
import { untilAnswered } from './until-answered.js';

/** The parts of an attempt that its rounds use. */
interface RoundHost {
  readonly scope: NodeScope;
  readonly step: RunningStep;
  /** Aborts when the handler must stop. */
  readonly signal: AbortSignal;
  /** Makes the drafts of an event of the node. */
  drafts(event: NodeEvent): EventDraft[];
  /** Makes the events and the change that count a call of a model. Ends the call that `beginCall` has begun. */
  counted(model: string, usage: ModelUsage): { events: EventDraft[]; change: RowChange | undefined };
}

/**
 * The rounds of one node. Answers and results are stored in the commit of the events about them. No other turn may come between
 * the check of the gate and a record, so that check is not a method of its own.
 */
export class AgentRounds implements RoundStore {
  /** The calls that this attempt has sent. */
  private readonly sent = new Set<RoundCall>();

  constructor(private readonly host: RoundHost) {}

  async load(): Promise<Round[]> {
    const { scope, step, signal } = this.host;
    // The first call of the first attempt follows nothing.
    if (step.attempt === 1 && !step.isResumed) return [];
    // What an attempt of this process has stored may not be committed yet.
    await abortable(scope.log.whenCommitted(), signal);
    return untilAnswered(() => scope.rounds.read(scope.row.id, step.node.id), signal);
  }

  async add({ round, content, problem, model, usage, calls: wanted }: NewRound): Promise<Round> {
    const { scope, signal } = this.host;
    const calls = wanted.map((call, index): RoundCall => ({
      ...call,
      round,
      index,
      result: undefined,
      recorded: false,
    }));
    // Made before the gate, so that a call that is not JSON fails before anything is recorded.
    const made = calls.flatMap(({ toolId, toolName, args }) =>
      this.host.drafts({ type: 'execution:tool-call', toolId, toolName, toolArgs: args }),
    );
    while (!scope.pauseGate.isOpen) await scope.pauseGate.pass(signal);
    signal.throwIfAborted();
    const { events: counted, change } = this.host.counted(model, usage);
    const events = [...made, ...counted];
    const { nodeId, stepId } = this.ids;
    const sequence = scope.log.state.lastSequence + events.length;
    // The text of an answer that is to be corrected does not stay valid.
    if (problem === undefined) scope.kept.add({ nodeId, stepId, through: sequence });
    await scope.log.append(events, {
      ...change,
      rounds: [{ nodeId, round, stepId, sequence, content, problem, calls }],
    });
    signal.throwIfAborted();
    return { round, content, problem, calls };
  }

  async start(call: RoundCall): Promise<void> {
    const { scope, signal } = this.host;
    while (!scope.pauseGate.isOpen) await scope.pauseGate.pass(signal);
    signal.throwIfAborted();
    await scope.log.append([], { toolCalls: [{ ...this.keysOf(call), started: true }] });
    call.started = true;
    signal.throwIfAborted();
  }

  sending(call: RoundCall): void {
    const { scope, signal } = this.host;
    if (signal.aborted) return;
    scope.callsUnderWay.begin(call);
    // One listener serves all calls: an attempt may send thousands.
    if (this.sent.size === 0) signal.addEventListener('abort', () => this.giveUp(), { once: true });
    this.sent.add(call);
  }

  async finish(call: RoundCall, result: StoredResult): Promise<void> {
    const { scope, signal } = this.host;
    // A later attempt may have given the call a result already.
    signal.throwIfAborted();
    const draft: NodeEvent = {
      type: 'execution:tool-result',
      toolId: call.toolId,
      result: result.result,
      isError: result.isError,
      ...(result.args !== undefined && { toolArgs: result.args }),
    };
    const events = this.host.drafts(draft);
    // No event is recorded during a pause, but the result must survive a crash.
    if (!call.result && !scope.pauseGate.isOpen) {
      await scope.log.append([], {
        toolCalls: [{ ...this.keysOf(call), result: result as unknown as Json }],
      });
      call.result = result;
      scope.callsUnderWay.end(call);
    }
    while (!scope.pauseGate.isOpen) await scope.pauseGate.pass(signal);
    signal.throwIfAborted();
    const { nodeId, stepId } = this.ids;
    const sequence = scope.log.state.lastSequence + events.length;
    const change: ToolCallChange = {
      ...this.keysOf(call),
      ...(!call.result && { result: result as unknown as Json }),
      recorded: { stepId, sequence },
    };
    scope.kept.add({ nodeId, stepId, through: sequence });
    await scope.log.append(events, { toolCalls: [change] });
    scope.callsUnderWay.end(call);
    call.result = result;
    call.recorded = true;
    signal.throwIfAborted();
  }

  keyOf({ round, index }: Pick<RoundCall, 'round' | 'index'>): string {
    const { nodeId } = this.ids;
    const node = createHash('sha256').update(nodeId).digest('base64url').slice(0, 16);
    return `${this.host.scope.row.id}.${node}.${round}.${index}`;
  }

  /** The attempt has ended: a shutdown must not wait for results that it does not get any more. */
  private giveUp(): void {
    for (const call of this.sent) this.host.scope.callsUnderWay.end(call);
  }

  private get ids(): { nodeId: string; stepId: string } {
    const { step } = this.host;
    return { nodeId: step.node.id, stepId: step.stepId };
  }

  private keysOf({ round, index }: RoundCall): { nodeId: string; round: number; index: number } {
    return { nodeId: this.ids.nodeId, round, index };
  }
}

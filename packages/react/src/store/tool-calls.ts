import type { ExecutionEventOf, Json } from '@cloutagent/contract';
import { ListLog, type ListView } from './list-log.js';
import type { ToolCall } from './snapshot.js';

/** A call that its node has not discarded. */
interface ValidCall {
  readonly toolId: string;
  /** Number of the call in the log. */
  readonly number: number;
  readonly sequence: number;
  /** Sequence of the result; undefined until it has arrived. */
  result: number | undefined;
}

/** Tool calls in the order in which they were made, each with its result once it has arrived. */
export class ToolCalls {
  private readonly log: ListLog<ToolCall>;
  /** The calls of nodes that have not ended, by node id. */
  private readonly valid = new Map<string, ValidCall[]>();

  constructor(limit: number) {
    this.log = new ListLog(limit);
  }

  call(event: ExecutionEventOf<'execution:tool-call'>): void {
    const { toolId, toolName, toolArgs, nodeId, stepId, timestamp, sequence } = event;
    const number = this.log.push({
      toolId,
      toolName,
      toolArgs,
      nodeId,
      stepId,
      calledAt: timestamp,
      discarded: false,
      interrupted: false,
    });
    const calls = this.valid.get(nodeId) ?? [];
    calls.push({ toolId, number, sequence, result: undefined });
    this.valid.set(nodeId, calls);
  }

  /**
   * Adds a result. The call may be one of an earlier step, whose work the step of the result continues.
   * @returns the number of the call for `replaceResult`; undefined if no call has this result
   */
  result(event: ExecutionEventOf<'execution:tool-result'>): number | undefined {
    const { toolId, nodeId, sequence, result, isError, toolArgs, timestamp } = event;
    const answered = this.valid.get(nodeId)?.findLast((call) => call.toolId === toolId);
    if (!answered) return undefined;
    answered.result = sequence;
    this.log.replace(answered.number, (call) => ({
      ...call,
      result,
      isError,
      completedAt: timestamp,
      ...(toolArgs !== undefined && { changedArgs: toolArgs }),
    }));
    return answered.number;
  }

  /** Replaces the result of a call by another form of it, unless the call has another result by now. */
  replaceResult(number: number, from: Json, to: Json): void {
    this.log.replace(number, (call) => (call.result === from ? { ...call, result: to } : call));
  }

  /** @param through sequence up to which the calls of the node stay valid */
  step({ nodeId, status }: ExecutionEventOf<'execution:step'>, through: number): void {
    const calls = this.valid.get(nodeId);
    if (!calls) return;
    const kept = calls.filter((call) => this.keeps(call, through));
    // A step that is retried or waits leaves its open calls to a later event.
    const isOpen = status === 'running' || status === 'waiting' || status === 'retrying';
    if (isOpen && kept.length > 0) this.valid.set(nodeId, kept);
    else this.valid.delete(nodeId);
    if (isOpen) return;
    for (const { number, result } of kept)
      if (result === undefined) this.log.replace(number, (call) => ({ ...call, interrupted: true }));
  }

  view(): ListView<ToolCall> {
    return this.log.view();
  }

  /** Discards what does not stay valid. @returns whether the call itself stays */
  private keeps(valid: ValidCall, through: number): boolean {
    if (valid.sequence > through) {
      this.log.replace(valid.number, (call) => ({
        ...call,
        discarded: true,
        interrupted: call.completedAt === undefined,
      }));
      return false;
    }
    if (valid.result !== undefined && valid.result > through) {
      valid.result = undefined;
      this.log.replace(valid.number, withoutResult);
    }
    return true;
  }
}

const withoutResult = ({
  result: _result,
  isError: _isError,
  completedAt: _completedAt,
  changedArgs: _changedArgs,
  ...call
}: ToolCall): ToolCall => call;

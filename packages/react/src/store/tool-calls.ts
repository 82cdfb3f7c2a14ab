import type { ExecutionEvent } from '@cloutagent/contract';
import { ListLog, type ListView } from './list-log.js';
import type { ToolCall } from './snapshot.js';

type Of<T extends ExecutionEvent['type']> = Extract<ExecutionEvent, { type: T }>;

/** Tool calls in the order they were made, each with its result when that has come. */
export class ToolCalls {
  private readonly log: ListLog<ToolCall>;
  /** Numbers of calls by step and tool id; only of steps under way. */
  private readonly open = new Map<string, Map<string, number>>();

  constructor(limit: number) {
    this.log = new ListLog(limit);
  }

  call({ toolId, toolName, toolArgs, nodeId, stepId, timestamp }: Of<'execution:tool-call'>): void {
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
    const step = this.open.get(stepId) ?? new Map<string, number>();
    this.open.set(stepId, step.set(toolId, number));
  }

  result({ toolId, stepId, result, isError, timestamp }: Of<'execution:tool-result'>): void {
    const number = this.open.get(stepId)?.get(toolId);
    if (number === undefined) return;
    this.log.replace(number, (call) => ({ ...call, result, isError, completedAt: timestamp }));
  }

  step({ stepId, status }: Of<'execution:step'>): void {
    if (status === 'running') return;
    for (const number of this.open.get(stepId)?.values() ?? []) {
      this.log.replace(number, (call) => ({
        ...call,
        discarded: status === 'retrying',
        interrupted: call.completedAt === undefined,
      }));
    }
    this.open.delete(stepId);
  }

  view(): ListView<ToolCall> {
    return this.log.view();
  }
}

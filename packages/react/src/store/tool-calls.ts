import type { ExecutionEventOf } from '@cloutagent/contract';
import { ListLog, type ListView } from './list-log.js';
import type { ToolCall } from './snapshot.js';

/** Tool calls in the order in which they were made, each with its result once it has arrived. */
export class ToolCalls {
  private readonly log: ListLog<ToolCall>;
  /** Numbers of the calls in `log`, by step id and tool id. Only for running steps. */
  private readonly open = new Map<string, Map<string, number>>();

  constructor(limit: number) {
    this.log = new ListLog(limit);
  }

  call({
    toolId,
    toolName,
    toolArgs,
    nodeId,
    stepId,
    timestamp,
  }: ExecutionEventOf<'execution:tool-call'>): void {
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

  result({ toolId, stepId, result, isError, timestamp }: ExecutionEventOf<'execution:tool-result'>): void {
    const number = this.open.get(stepId)?.get(toolId);
    if (number === undefined) return;
    this.log.replace(number, (call) => ({ ...call, result, isError, completedAt: timestamp }));
  }

  step({ stepId, status }: ExecutionEventOf<'execution:step'>): void {
    // A step that waits continues under the same id, with its calls.
    if (status === 'running' || status === 'waiting') return;
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

import { setTimeout as sleep } from 'node:timers/promises';
import type { SeenFrame } from '../faults/oracle.ts';
import type { Api } from './api.ts';
import type { PlannedExecution } from './workload.ts';

const MAX_THINKING_MS = 6_000;
const RETRY_MS = 1_000;

interface ControlledExecution {
  id: string;
  plan: PlannedExecution;
  hasEnded: boolean;
  /** Nodes whose approval is being sent. */
  readonly approving: Set<string>;
  isResumed: boolean;
}

/** Approves, pauses, resumes and cancels executions as planned. Repeats each request until a server accepts it. */
export class Person {
  private readonly api: Api;
  private readonly executions = new Map<string, ControlledExecution>();
  private readonly waits: Promise<void>;

  /** @param waits answers and resumes are sent only after it resolves */
  constructor(api: Api, waits: Promise<void> = Promise.resolve()) {
    this.api = api;
    this.waits = waits;
  }

  take(id: string, plan: PlannedExecution): void {
    const execution = { id, plan, hasEnded: false, approving: new Set<string>(), isResumed: false };
    this.executions.set(id, execution);
    if (plan.pauseAfterMs !== undefined) void this.pause(execution, plan.pauseAfterMs);
    if (plan.cancelAfterMs !== undefined) void this.cancel(execution, plan.cancelAfterMs);
  }

  /** Handles a frame that a watcher of the execution received. */
  see(id: string, { type, data }: SeenFrame): void {
    const execution = this.executions.get(id);
    if (!execution) return;
    if (/^execution:(completed|failed|cancelled)$/.test(type)) execution.hasEnded = true;
    if (!execution.plan.approvals || type !== 'execution:step') return;
    const { nodeId, status } = JSON.parse(data) as { nodeId: string; status: string };
    if (status === 'running' && execution.plan.approvals.includes(nodeId))
      void this.approve(execution, nodeId);
  }

  /** Repeats every accepted request, for a database that has lost its last commits. */
  repeat(): void {
    for (const execution of this.executions.values()) {
      execution.hasEnded = false;
      for (const nodeId of execution.plan.approvals ?? []) void this.approve(execution, nodeId);
      if (execution.isResumed) void this.control(execution, 'resume');
      if (execution.plan.cancelAfterMs !== undefined) void this.cancel(execution, 0);
    }
  }

  private async approve(execution: ControlledExecution, nodeId: string): Promise<void> {
    if (execution.approving.has(nodeId)) return;
    execution.approving.add(nodeId);
    await this.waits;
    await sleep(Math.random() * MAX_THINKING_MS);
    while (!execution.hasEnded) {
      const answer = await this.control(execution, 'approve', { nodeId, approved: true });
      if (answer?.body['code'] !== 'no_approval_waiting') break;
      await sleep(RETRY_MS);
    }
    execution.approving.delete(nodeId);
  }

  private async pause(execution: ControlledExecution, afterMs: number): Promise<void> {
    await sleep(afterMs);
    await this.control(execution, 'pause');
    await this.waits;
    await sleep(Math.random() * MAX_THINKING_MS);
    execution.isResumed = true;
    await this.control(execution, 'resume');
  }

  private async cancel(execution: ControlledExecution, afterMs: number): Promise<void> {
    await sleep(afterMs);
    await this.control(execution, 'cancel');
  }

  private control({ id }: ControlledExecution, action: string, body?: object): ReturnType<Api['post']> {
    return this.api.post(
      { path: `/api/executions/${id}/${action}`, ...(body && { body }) },
      Math.round(Math.random()),
    );
  }
}

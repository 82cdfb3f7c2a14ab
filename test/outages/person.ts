import { setTimeout as sleep } from 'node:timers/promises';
import type { SeenFrame } from '../faults/oracle.ts';
import type { Api } from './api.ts';
import type { PlannedExecution } from './workload.ts';

const MOST_THINKING_MS = 6_000;
const ASK_AGAIN_MS = 1_000;

interface Steered {
  id: string;
  plan: PlannedExecution;
  isOver: boolean;
  /** Approvals being given now. */
  readonly approving: Set<string>;
  isResumed: boolean;
}

/** Approves, pauses, resumes and cancels as the plans of the executions say, and repeats it until it is accepted. */
export class Person {
  private readonly api: Api;
  private readonly steered = new Map<string, Steered>();
  private readonly waits: Promise<void>;

  /** @param waits answers and resumes come only after it */
  constructor(api: Api, waits: Promise<void> = Promise.resolve()) {
    this.api = api;
    this.waits = waits;
  }

  take(id: string, plan: PlannedExecution): void {
    const steered = { id, plan, isOver: false, approving: new Set<string>(), isResumed: false };
    this.steered.set(id, steered);
    if (plan.pauseAfterMs !== undefined) void this.pause(steered, plan.pauseAfterMs);
    if (plan.cancelAfterMs !== undefined) void this.cancel(steered, plan.cancelAfterMs);
  }

  /** Takes note of what a watcher of the execution saw. */
  see(id: string, { type, data }: SeenFrame): void {
    const steered = this.steered.get(id);
    if (!steered) return;
    if (/^execution:(completed|failed|cancelled)$/.test(type)) steered.isOver = true;
    if (!steered.plan.approvals || type !== 'execution:step') return;
    const { nodeId, status } = JSON.parse(data) as { nodeId: string; status: string };
    if (status === 'running' && steered.plan.approvals.includes(nodeId)) void this.approve(steered, nodeId);
  }

  /** Says everything once more that was accepted, for a database that has forgotten it. */
  repeat(): void {
    for (const steered of this.steered.values()) {
      steered.isOver = false;
      for (const nodeId of steered.plan.approvals ?? []) void this.approve(steered, nodeId);
      if (steered.isResumed) void this.order(steered, 'resume');
      if (steered.plan.cancelAfterMs !== undefined) void this.cancel(steered, 0);
    }
  }

  private async approve(steered: Steered, nodeId: string): Promise<void> {
    if (steered.approving.has(nodeId)) return;
    steered.approving.add(nodeId);
    await this.waits;
    await sleep(Math.random() * MOST_THINKING_MS);
    while (!steered.isOver) {
      const answer = await this.order(steered, 'approve', { nodeId, approved: true });
      if (answer?.body['code'] !== 'no_approval_waiting') break;
      await sleep(ASK_AGAIN_MS);
    }
    steered.approving.delete(nodeId);
  }

  private async pause(steered: Steered, afterMs: number): Promise<void> {
    await sleep(afterMs);
    await this.order(steered, 'pause');
    await this.waits;
    await sleep(Math.random() * MOST_THINKING_MS);
    steered.isResumed = true;
    await this.order(steered, 'resume');
  }

  private async cancel(steered: Steered, afterMs: number): Promise<void> {
    await sleep(afterMs);
    await this.order(steered, 'cancel');
  }

  private order({ id }: Steered, action: string, body?: object): ReturnType<Api['post']> {
    return this.api.post(
      { path: `/api/executions/${id}/${action}`, ...(body && { body }) },
      Math.round(Math.random()),
    );
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiAnswer, callApi } from './api.ts';
import type { ExpectedExecution } from './oracle.ts';
import type { PlannedControl, PlannedExecution } from './plan.ts';
import type { ProcessSlot } from './process-slot.ts';
import type { SeededRandom } from './random.ts';
import { Watcher } from './watcher.ts';

const RETRY_MS = 80;
const APPROVE_EVERY_MS = 150;

/** Starts, watches, controls and approves one execution of a world. It repeats requests that get no answer. */
export class ExecutionClient {
  /** Undefined until a process has answered the POST. */
  id: string | undefined;
  readonly watchers: Watcher[] = [];
  private readonly answered = Promise.withResolvers<void>();
  /** Resolves when a process has answered the POST. */
  readonly started: Promise<void> = this.answered.promise;
  private hasEnded = false;
  private isApproved = false;
  private isCancelRequested = false;

  constructor(
    private readonly name: string,
    private readonly projectId: string,
    private readonly plan: PlannedExecution,
    private readonly slots: readonly ProcessSlot[],
    private readonly random: SeededRandom,
    private readonly trace: (text: string) => void,
  ) {}

  /** Resolves when the execution is approved and controlled as planned, or when `end` is called. */
  async run(): Promise<void> {
    await sleep(this.plan.at);
    const answer = await this.ask(this.plan.process, 'POST', '/api/executions', {
      body: {
        projectId: this.projectId,
        input: 'hello',
        workflow: {
          nodes: this.plan.workflow.nodes,
          edges: this.plan.workflow.edges.map(([source, target]) => ({ source, target })),
        },
      },
      headers: { 'idempotency-key': this.name },
    });
    if (!answer) return;
    if (answer.status !== 202) throw new Error(`${this.name}: POST answered ${JSON.stringify(answer.body)}`);
    this.id = answer.body.id;
    this.answered.resolve();
    this.trace(`${this.name} is ${this.id}`);
    this.plan.watchers.forEach((watcher, index) => {
      const pick = () => this.urlOf(watcher.roams ? this.anyProcess() : watcher.process);
      this.watchers.push(new Watcher(`${this.name}-${index}`, this.id!, pick, 0));
    });
    for (const control of this.plan.controls) if (!this.hasEnded) await this.control(control);
    while (!this.hasEnded && !this.isApproved && this.plan.workflow.approvals) await this.approve();
  }

  /** Resumes the execution, whose plan has left it paused. */
  async resume(): Promise<void> {
    await this.control({ action: 'resume', afterMs: 0, process: this.anyProcess() });
  }

  /** Stops sending requests. */
  end(): void {
    this.hasEnded = true;
  }

  /** Returns how the execution may end. Only for one that was started. */
  expected(requests: (nodeId: string) => number): ExpectedExecution {
    const { workflow } = this.plan;
    const usual = workflow.failureCode === undefined ? 'completed' : 'failed';
    return {
      id: this.id!,
      idempotencyKey: this.name,
      endings: this.isCancelRequested ? [usual, 'cancelled'] : [usual],
      ...(workflow.failureCode !== undefined && { failureCode: workflow.failureCode }),
      requests: new Map((workflow.requests ?? []).map((nodeId) => [nodeId, requests(nodeId)])),
    };
  }

  private async control({ afterMs, action, process }: PlannedControl): Promise<void> {
    await sleep(afterMs);
    if (action === 'cancel') this.isCancelRequested = true;
    const answer = await this.ask(process, 'POST', `/api/executions/${this.id}/${action}`);
    if (answer) this.trace(`${this.name} ${action}: ${answer.status} ${answer.body?.code ?? ''}`);
  }

  private async approve(): Promise<void> {
    for (const nodeId of this.plan.workflow.approvals ?? []) {
      const url = this.urlOf(this.anyProcess());
      const answer =
        url === undefined
          ? undefined
          : await callApi(url, 'POST', `/api/executions/${this.id}/approve`, { body: { nodeId } });
      if (answer?.status === 202 || answer?.body?.code === 'execution_over') this.isApproved = true;
    }
    await sleep(APPROVE_EVERY_MS);
  }

  /** Asks one process after another until one gives an answer below 500. */
  private async ask(
    process: number,
    method: string,
    path: string,
    request: { body?: object; headers?: Record<string, string> } = {},
  ): Promise<ApiAnswer | undefined> {
    for (let next = process; !this.hasEnded; next += 1) {
      const url = this.urlOf(next % this.slots.length);
      const answer = url === undefined ? undefined : await callApi(url, method, path, request);
      if (answer && answer.status < 500) return answer;
      if (answer && answer.status !== 503)
        this.trace(`${this.name} ${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      await sleep(RETRY_MS);
    }
    return undefined;
  }

  private anyProcess(): number {
    return this.random.whole(0, this.slots.length - 1);
  }

  private urlOf(process: number): string | undefined {
    return this.slots[process]!.url;
  }
}

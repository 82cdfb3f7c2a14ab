import type { ExecutionEvent, ExecutionFailure, Json, Step } from '@cloutagent/contract';
import { applyEvent, initialState } from '@cloutagent/contract/reduce';
import { ListLog } from './list-log.js';
import { NodeModel } from './node-model.js';
import type { ExecutionSnapshot, NodeView, Progress, Retry } from './snapshot.js';
import { ToolCalls } from './tool-calls.js';

/** How much of what only grows is kept. Texts have a bound of their own. */
export interface ModelLimits {
  /** Latest events as they came. Default 1,000. */
  events: number;
  /** Latest tool calls. Default 5,000. */
  toolCalls: number;
  /** Latest retries. Default 1,000. */
  retries: number;
}

const MODEL_LIMITS: ModelLimits = { events: 1_000, toolCalls: 5_000, retries: 1_000 };

export type ModelView = Omit<
  ExecutionSnapshot,
  'connection' | 'connectionSince' | 'clockOffset' | 'caughtUp'
>;

/**
 * Adds up the events of one execution. Status, steps, usage and cost are the contract's `applyEvent`; here is what is
 * shown beside them. An event costs what it brings, a view what changed since the last one.
 */
export class ExecutionModel {
  private readonly state = initialState();
  private readonly nodes = new Map<string, NodeModel>();
  private readonly events: ListLog<ExecutionEvent>;
  private readonly toolCalls: ToolCalls;
  private readonly retries: ListLog<Retry>;
  private progress: Progress | undefined;
  private error: ExecutionFailure | undefined;
  private output: Json | undefined;
  private projectId: string | undefined;
  private startedAt: string | undefined;
  private endedAt: string | undefined;
  private steps: readonly Step[] | undefined;
  private nodeViews: readonly NodeView[] | undefined;
  private approvals: readonly NodeView[] | undefined;

  constructor(limits: ModelLimits = MODEL_LIMITS) {
    this.events = new ListLog(limits.events);
    this.toolCalls = new ToolCalls(limits.toolCalls);
    this.retries = new ListLog(limits.retries);
  }

  get lastSequence(): number {
    return this.state.lastSequence;
  }

  /** Adds one event; false for one that was here before. */
  apply(event: ExecutionEvent): boolean {
    if (event.sequence <= this.state.lastSequence) return false;
    applyEvent(this.state, event);
    this.events.push(event);
    this.note(event);
    return true;
  }

  view(): ModelView {
    const { status, tokenUsage, costUSD, modelUsage, lastSequence } = this.state;
    this.steps ??= [...this.state.steps];
    this.nodeViews ??= [...this.nodes.values()].map((node) => node.view());
    this.approvals ??= this.nodeViews.filter(isWaiting);
    return {
      status,
      steps: this.steps,
      tokenUsage,
      costUSD,
      modelUsage,
      lastSequence,
      nodes: this.nodeViews,
      toolCalls: this.toolCalls.view(),
      retries: this.retries.view(),
      progress: this.progress,
      error: this.error,
      output: this.output,
      approvals: this.endedAt === undefined ? this.approvals : [],
      projectId: this.projectId,
      startedAt: this.startedAt,
      endedAt: this.endedAt,
      recentEvents: this.events.view(),
    };
  }

  private note(event: ExecutionEvent): void {
    switch (event.type) {
      case 'execution:started':
        this.projectId = event.projectId;
        this.startedAt ??= event.timestamp;
        break;
      case 'execution:progress': {
        const { completedSteps, totalSteps, percent } = event;
        this.progress = { completedSteps, totalSteps, percent };
        break;
      }
      case 'execution:step':
        this.toolCalls.step(event);
        this.enter(event.stepId, event.nodeId);
        break;
      case 'execution:output':
        this.node(event.nodeId).say('output', event.stepId, event.chunk);
        break;
      case 'execution:thinking':
        this.node(event.nodeId).say('thinking', event.stepId, event.chunk);
        break;
      case 'execution:tool-call':
        this.toolCalls.call(event);
        break;
      case 'execution:tool-result':
        this.toolCalls.result(event);
        break;
      case 'execution:retry': {
        const { sequence, nodeId, attempt, delayMs, error, timestamp } = event;
        this.retries.push({ sequence, nodeId, attempt, delayMs, error, timestamp });
        break;
      }
      case 'execution:completed':
        this.output = event.result.output;
        this.endedAt = event.timestamp;
        break;
      case 'execution:failed': {
        const { error: message, code, nodeId } = event;
        this.error = { message, code, ...(nodeId !== undefined && { nodeId }) };
        this.endedAt = event.timestamp;
        break;
      }
      case 'execution:cancelled':
        this.endedAt = event.timestamp;
        break;
      default:
        break;
    }
  }

  private enter(stepId: string, nodeId: string): void {
    this.steps = undefined;
    const step = this.state.steps.findLast((known) => known.stepId === stepId);
    if (step) this.node(nodeId).enter(step);
  }

  private node(nodeId: string): NodeModel {
    this.nodeViews = undefined;
    this.approvals = undefined;
    let node = this.nodes.get(nodeId);
    if (!node) this.nodes.set(nodeId, (node = new NodeModel(nodeId)));
    return node;
  }
}

const isWaiting = ({ step }: NodeView): boolean => step?.nodeType === 'approval' && step.status === 'running';

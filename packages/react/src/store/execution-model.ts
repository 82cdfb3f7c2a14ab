import type { ExecutionEvent, ExecutionEventOf, ExecutionFailure, Json, Step } from '@cloutagent/contract';
import { applyEvent, initialState, KeptWork } from '@cloutagent/contract/reduce';
import { FileBudget } from './file-budget.js';
import { ListLog } from './list-log.js';
import { ModelCallTotals } from './model-call-totals.js';
import { NodeModel } from './node-model.js';
import type { Branch, ExecutionSnapshot, NodeView, Progress, Retry } from './snapshot.js';
import { ToolCalls } from './tool-calls.js';

/** Bounds of the lists that grow with the events. Texts have their own bound. */
export interface ModelLimits {
  /** Number of latest events that are kept. Default 1,000. */
  events: number;
  /** Number of latest tool calls that are kept. Default 5,000. */
  toolCalls: number;
  /** Number of latest retries that are kept. Default 1,000. */
  retries: number;
  /** Characters of base64 that are kept of files in results of tools. Default 64 Mi. */
  files: number;
}

const MODEL_LIMITS: ModelLimits = {
  events: 1_000,
  toolCalls: 5_000,
  retries: 1_000,
  files: 64 * 1_048_576,
};

export type ModelView = Omit<
  ExecutionSnapshot,
  'connection' | 'connectionSince' | 'clockOffset' | 'caughtUp'
>;

/**
 * Reduces the events of one execution to its state. The contract's `applyEvent` computes status, steps, usage and cost;
 * this class adds everything else that is shown. The cost of an event is proportional to its size, the cost of a view to
 * what has changed since the previous view.
 */
export class ExecutionModel {
  private readonly state = initialState();
  private readonly nodes = new Map<string, NodeModel>();
  private readonly events: ListLog<ExecutionEvent>;
  private readonly toolCalls: ToolCalls;
  private readonly retries: ListLog<Retry>;
  private readonly files: FileBudget;
  private readonly keptWork = new KeptWork();
  private readonly modelCalls = new ModelCallTotals();
  private progress: Progress | undefined;
  private error: ExecutionFailure | undefined;
  private output: Json | undefined;
  private projectId: string | undefined;
  private startedAt: string | undefined;
  private endedAt: string | undefined;
  private steps: readonly Step[] | undefined;
  private nodeViews: readonly NodeView[] | undefined;
  private approvals: readonly NodeView[] | undefined;
  private branches: { readonly [nodeId: string]: Branch } | undefined;
  private hasChildren = false;

  constructor(limits: ModelLimits = MODEL_LIMITS) {
    this.events = new ListLog(limits.events);
    this.toolCalls = new ToolCalls(limits.toolCalls);
    this.retries = new ListLog(limits.retries);
    this.files = new FileBudget(limits.files);
  }

  /** Applies one event. @returns false for a duplicate, which changes nothing */
  apply(event: ExecutionEvent): boolean {
    if (event.sequence <= this.state.lastSequence) return false;
    applyEvent(this.state, event);
    const number = this.events.push(event);
    if (event.type === 'execution:tool-result') this.addResult(event, number);
    else this.record(event);
    return true;
  }

  view(): ModelView {
    const { status, tokenUsage, costUSD, modelUsage, waits, lastSequence } = this.state;
    this.steps ??= [...this.state.steps];
    this.nodeViews ??= [...this.nodes.values()].map((node) => node.view());
    this.branches ??= { ...this.state.branches };
    this.approvals ??= this.approvalsOf(this.nodeViews);
    return {
      status,
      steps: this.steps,
      tokenUsage,
      costUSD,
      modelUsage,
      // `applyEvent` replaces this list when it changes.
      waits,
      branches: this.branches,
      hasChildren: this.hasChildren,
      lastSequence,
      nodes: this.nodeViews,
      toolCalls: this.toolCalls.view(),
      modelCalls: this.modelCalls.view(),
      tokensMayBeMissing: this.modelCalls.mayBeIncomplete,
      retries: this.retries.view(),
      progress: this.progress,
      error: this.error,
      output: this.output,
      approvals: this.approvals,
      projectId: this.projectId,
      startedAt: this.startedAt,
      endedAt: this.endedAt,
      recentEvents: this.events.view(),
    };
  }

  private record(event: ExecutionEvent): void {
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
      case 'execution:step': {
        const through = this.keptWork.validThrough(event);
        this.toolCalls.step(event, through);
        this.modelCalls.step(event);
        this.updateStep(event.stepId, event.nodeId, through);
        break;
      }
      case 'execution:token-usage':
        this.modelCalls.add(event);
        break;
      case 'execution:branch':
        this.branches = undefined;
        break;
      case 'execution:waiting':
        this.hasChildren ||= event.kind === 'children';
        this.approvals = undefined;
        break;
      case 'execution:wait-ended':
        this.approvals = undefined;
        break;
      case 'execution:output':
        this.node(event.nodeId).append('output', event.sequence, event.chunk);
        break;
      case 'execution:thinking':
        this.node(event.nodeId).append('thinking', event.sequence, event.chunk);
        break;
      case 'execution:tool-call':
        this.toolCalls.call(event);
        break;
      case 'execution:retry': {
        const { sequence, nodeId, attempt, delayMs, error, timestamp } = event;
        this.retries.push({ sequence, nodeId, attempt, delayMs, error, timestamp });
        break;
      }
      case 'execution:completed':
        this.output = event.result.output;
        this.end(event.timestamp);
        break;
      case 'execution:failed': {
        const { error: message, code, nodeId } = event;
        this.error = { message, code, ...(nodeId !== undefined && { nodeId }) };
        this.end(event.timestamp);
        break;
      }
      case 'execution:cancelled':
        this.end(event.timestamp);
        break;
      default:
        break;
    }
  }

  private addResult(event: ExecutionEventOf<'execution:tool-result'>, eventNumber: number): void {
    const callNumber = this.toolCalls.result(event);
    this.files.add(event.result, (result) => {
      if (callNumber !== undefined) this.toolCalls.replaceResult(callNumber, event.result, result);
      this.events.replace(eventNumber, (known) =>
        known.type === 'execution:tool-result' ? { ...known, result } : known,
      );
    });
  }

  private end(timestamp: string): void {
    this.endedAt = timestamp;
    this.approvals = undefined;
  }

  private approvalsOf(nodes: readonly NodeView[]): readonly NodeView[] {
    const waiting = new Set(
      this.state.waits.flatMap(({ kind, nodeId }) => (kind === 'approval' ? [nodeId] : [])),
    );
    return nodes.filter(({ nodeId }) => waiting.has(nodeId));
  }

  private updateStep(stepId: string, nodeId: string, through: number): void {
    this.steps = undefined;
    const step = this.state.steps.findLast((known) => known.stepId === stepId);
    if (step) this.node(nodeId).setStep(step, through);
  }

  private node(nodeId: string): NodeModel {
    this.nodeViews = undefined;
    this.approvals = undefined;
    let node = this.nodes.get(nodeId);
    if (!node) this.nodes.set(nodeId, (node = new NodeModel(nodeId)));
    return node;
  }
}

import {
  type EdgeOutcome,
  edgeName,
  type EventDraft,
  type ExecutionFailure,
  type ExecutionState,
  type Json,
  type WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import { type EdgeDecision, type EdgePlan, GraphProgress } from './graph-progress.js';
import { progressEvent, stepEvent } from './step-events.js';

type BranchState = Pick<ExecutionState, 'steps' | 'branches'>;

/** What the nodes of one execution have given, and which of them may begin. */
export class GraphState {
  /** Outputs of the completed nodes, by node id. */
  readonly outputs = new Map<string, Json>();
  /** Failures of the failed nodes, by node id. */
  readonly errors = new Map<string, ExecutionFailure>();
  private readonly progress: GraphProgress;
  /** Nodes that may run and have not begun, in the order of the workflow. */
  private ready: string[] = [];

  constructor(private readonly graph: WorkflowGraph) {
    this.progress = new GraphProgress(graph);
  }

  /** Whether all nodes have completed, failed or been skipped, and their edges are decided. */
  get isDone(): boolean {
    return this.progress.doneCount === this.graph.nodes.size;
  }

  get hasReady(): boolean {
    return this.ready.length > 0;
  }

  /** Takes the next node that may begin. */
  takeReady(): WorkflowNode | undefined {
    const id = this.ready.shift();
    return id === undefined ? undefined : this.graph.nodes.get(id);
  }

  /**
   * Takes over the state of the journal.
   * @param waiting the nodes that stand still, by id
   * @returns the nodes that are done, but whose outgoing edges are not decided
   */
  restore({ steps, branches }: BranchState, waiting: ReadonlyMap<string, unknown>): WorkflowNode[] {
    for (const { nodeId, status, output = null, error = '', code = 'node_failed' } of steps) {
      if (!this.graph.nodes.has(nodeId)) continue;
      if (status === 'completed') this.outputs.set(nodeId, output);
      else if (status === 'failed') this.errors.set(nodeId, { message: error, code, nodeId });
      else if (status === 'skipped') this.progress.finish(nodeId, 'skipped');
    }
    const undecided: WorkflowNode[] = [];
    for (const node of this.graph.nodes.values()) {
      if (!this.outputs.has(node.id) && !this.errors.has(node.id)) continue;
      const branch = Object.hasOwn(branches, node.id) ? branches[node.id] : undefined;
      if (!branch && this.plan(node.id).isRecorded) undecided.push(node);
      else this.progress.finish(node.id, this.outcomeOf(node.id), branch?.taken);
    }
    this.ready = this.progress
      .readyNodes()
      .filter((id) => !waiting.has(id) && !this.outputs.has(id) && !this.errors.has(id));
    return undecided;
  }

  /** Returns the skipped nodes whose steps the journal does not have. */
  unrecordedSkips({ steps }: BranchState): string[] {
    const recorded = new Set(steps.filter(({ status }) => status === 'skipped').map(({ nodeId }) => nodeId));
    return [...this.graph.nodes.keys()].filter(
      (id) => this.progress.outcomeOf(id) === 'skipped' && !recorded.has(id),
    );
  }

  /**
   * Finds the failures that no error edge handles, among the nodes whose edges are decided.
   * @returns the first one, and whether the graph runs on because one of the nodes takes an `always` edge
   */
  unhandledFailure({ steps, branches }: BranchState): { first?: ExecutionFailure; runsOn: boolean } {
    const failedAt = new Map(steps.map(({ nodeId, completedAt }) => [nodeId, completedAt ?? '']));
    const unhandled = [...this.errors]
      .toSorted(([a], [b]) => (failedAt.get(a)! < failedAt.get(b)! ? -1 : 1))
      .filter(
        ([id]) => this.progress.outcomeOf(id) === 'failed' && !this.takes(id, 'error', branches[id]?.taken),
      );
    const [first] = unhandled;
    return {
      ...(first && { first: first[1] }),
      runsOn: unhandled.some(([id]) => this.takes(id, 'always', branches[id]?.taken)),
    };
  }

  /** Returns what must be known to decide the outgoing edges of a node that has an output or a failure. */
  plan(nodeId: string): EdgePlan {
    return this.progress.plan(nodeId, this.outcomeOf(nodeId));
  }

  /** Decides the outgoing edges of such a node. @param values those of the plan's conditions, by index of the edge */
  decide(nodeId: string, values: ReadonlyMap<number, boolean>): EdgeDecision {
    return this.progress.decide(nodeId, this.outcomeOf(nodeId), values);
  }

  /**
   * Sets such a node as done. The nodes to which it leads may begin, or are skipped.
   * @param taken the names of the edges that are taken, if the decision is recorded
   * @returns the ids of the nodes that are skipped
   */
  finish(nodeId: string, taken?: readonly string[]): string[] {
    const { ready, skipped } = this.progress.finish(nodeId, this.outcomeOf(nodeId), taken);
    if (ready.length > 0) this.ready = this.progress.inOrder([...this.ready, ...ready]);
    return skipped;
  }

  /** The events of nodes that are skipped. */
  skippedEvents(ids: readonly string[]): EventDraft[] {
    return ids.map((id) =>
      stepEvent({ node: this.graph.nodes.get(id)!, stepId: randomUUID(), attempt: 1 }, 'skipped'),
    );
  }

  /** @param pending number of nodes that are done, but whose events follow */
  progressEvent(pending = 0): EventDraft {
    return progressEvent(this.progress.doneCount - pending, this.graph.nodes.size);
  }

  private outcomeOf(nodeId: string): 'completed' | 'failed' {
    return this.errors.has(nodeId) ? 'failed' : 'completed';
  }

  /** Whether one of the taken edges of a node follows this outcome. */
  private takes(nodeId: string, on: EdgeOutcome, taken: readonly string[] = []): boolean {
    const names = new Set(taken);
    return this.graph
      .outgoing(nodeId)
      .some(({ edge, index }) => edge.on === on && names.has(edgeName(edge, index)));
  }
}

import {
  type EdgeOutcome,
  edgeName,
  isBranchEdge,
  type IndexedEdge,
  type WorkflowEdge,
  type WorkflowGraph,
} from '@cloutagent/contract';

export type NodeOutcome = 'completed' | 'failed' | 'skipped';

/** What must be known before the outgoing edges of a node can be decided. */
export interface EdgePlan {
  /** The conditions to evaluate: those of the edges whose `on` fits the outcome. `index` is that of the edge. */
  readonly conditions: readonly { readonly index: number; readonly when: string }[];
  /** Whether `execution:branch` records the decision. Without such an edge, the outcome alone decides. */
  readonly isRecorded: boolean;
}

/** Which outgoing edges of a node are taken, by their names in `execution:branch`. */
export interface EdgeDecision {
  readonly taken: string[];
  readonly notTaken: string[];
  /** Whether the node failed and an `on: "error"` edge is taken. */
  readonly isHandled: boolean;
  /** Whether an `on: "always"` edge is taken. */
  readonly takesAlways: boolean;
}

/** Ids of the nodes that a decision changes, in the order of the workflow. */
export interface GraphChange {
  readonly ready: string[];
  readonly skipped: string[];
}

/** What is known of the incoming edges of a node. */
interface NodeProgress {
  readonly position: number;
  readonly joinsAny: boolean;
  undecidedEdges: number;
  takenEdges: number;
  /** Whether the node may run, or has run. */
  isReady: boolean;
  outcome: NodeOutcome | undefined;
}

/**
 * Decides which nodes of a graph run, and which are skipped. It knows the rules of edges and joins, and nothing of time,
 * processes or the journal.
 *
 * An edge is taken, not taken, or dead because its source was skipped; the last two have the same effect. A node becomes
 * ready when all its incoming edges are decided and at least one is taken; with `join: "any"`, at the first taken edge.
 * Without a taken edge it is skipped, and its own edges are dead. So each node gets an outcome, whatever the decisions are.
 */
export class GraphProgress {
  private readonly nodes = new Map<string, NodeProgress>();
  private done = 0;
  /** The nodes without incoming edges, in the order of the workflow. They run always. */
  readonly roots: readonly string[];

  constructor(private readonly graph: WorkflowGraph) {
    const roots: string[] = [];
    for (const node of graph.nodes.values()) {
      const undecidedEdges = graph.incoming(node.id).length;
      if (undecidedEdges === 0) roots.push(node.id);
      this.nodes.set(node.id, {
        position: this.nodes.size,
        joinsAny: node.data.join === 'any',
        undecidedEdges,
        takenEdges: 0,
        isReady: undecidedEdges === 0,
        outcome: undefined,
      });
    }
    this.roots = roots;
  }

  /** Number of nodes that have an outcome. The graph is done when this is the number of its nodes. */
  get doneCount(): number {
    return this.done;
  }

  outcomeOf(nodeId: string): NodeOutcome | undefined {
    return this.nodes.get(nodeId)?.outcome;
  }

  /** Returns the nodes that are ready and have no outcome, in the order of the workflow. Some of them may be running. */
  readyNodes(): string[] {
    return [...this.nodes].filter(([, node]) => node.isReady && !node.outcome).map(([id]) => id);
  }

  /** Returns what must be known to decide the outgoing edges of a node that has completed or failed. */
  plan(nodeId: string, outcome: 'completed' | 'failed'): EdgePlan {
    const edges = this.graph.outgoing(nodeId);
    const conditions = edges.flatMap(({ index, edge }) =>
      edge.when !== undefined && fits(edge, outcome) ? [{ index, when: edge.when }] : [],
    );
    return { conditions, isRecorded: edges.some(({ edge }) => isBranchEdge(edge)) };
  }

  /**
   * Decides the outgoing edges of a node that has completed or failed.
   * @param values the values of the conditions of the plan, by index of the edge
   */
  decide(
    nodeId: string,
    outcome: 'completed' | 'failed',
    values: ReadonlyMap<number, boolean>,
  ): EdgeDecision {
    const edges = this.graph.outgoing(nodeId);
    const isTrue = ({ index, edge }: IndexedEdge): boolean =>
      edge.when !== undefined && fits(edge, outcome) && values.get(index) === true;
    const anyIsTrue = edges.some(isTrue);
    const isTaken = (indexed: IndexedEdge): boolean => {
      const { edge } = indexed;
      if (!fits(edge, outcome)) return false;
      if (edge.when !== undefined) return isTrue(indexed);
      return edge.otherwise !== true || !anyIsTrue;
    };
    const taken = edges.filter(isTaken);
    const takes = (on: EdgeOutcome): boolean => taken.some(({ edge }) => edge.on === on);
    return {
      taken: taken.map(nameOf),
      notTaken: edges.filter((edge) => !isTaken(edge)).map(nameOf),
      isHandled: outcome === 'failed' && takes('error'),
      takesAlways: takes('always'),
    };
  }

  /**
   * Sets the outcome of a node. A node that has an outcome keeps it, so calls may be repeated, and a restore may make them in
   * any order.
   * @param taken the names of the taken edges, from `decide` or from `execution:branch`. They count only for a node whose
   *   decision is recorded: of other nodes, all edges are taken if it completed, else none.
   */
  finish(nodeId: string, outcome: NodeOutcome, taken: readonly string[] = []): GraphChange {
    const ready: string[] = [];
    const skipped: string[] = [];
    if (!this.setOutcome(nodeId, outcome)) return { ready, skipped };
    const names = new Set(taken);
    const edges = this.graph.outgoing(nodeId);
    const isRecorded = edges.some(({ edge }) => isBranchEdge(edge));
    for (const indexed of edges) {
      const isTaken =
        outcome !== 'skipped' && (isRecorded ? names.has(nameOf(indexed)) : outcome === 'completed');
      this.decideEdge(indexed.edge.target, isTaken, ready, skipped);
    }
    // The loop reaches the nodes that it adds, so skips spread.
    for (const id of skipped)
      for (const { edge } of this.graph.outgoing(id)) this.decideEdge(edge.target, false, ready, skipped);
    return { ready: this.inOrder(ready), skipped: this.inOrder(skipped) };
  }

  private decideEdge(target: string, isTaken: boolean, ready: string[], skipped: string[]): void {
    const node = this.nodes.get(target)!;
    node.undecidedEdges -= 1;
    if (isTaken) node.takenEdges += 1;
    if (node.isReady || node.outcome) return;
    if (node.takenEdges > 0 && (node.joinsAny || node.undecidedEdges === 0)) {
      node.isReady = true;
      ready.push(target);
    } else if (node.undecidedEdges === 0 && this.setOutcome(target, 'skipped')) skipped.push(target);
  }

  /** @returns false if the node has an outcome already */
  private setOutcome(nodeId: string, outcome: NodeOutcome): boolean {
    const node = this.nodes.get(nodeId);
    if (!node || node.outcome) return false;
    node.outcome = outcome;
    this.done += 1;
    return true;
  }

  /** Returns the ids in the order of the workflow. */
  inOrder(ids: readonly string[]): string[] {
    return ids.toSorted((a, b) => this.nodes.get(a)!.position - this.nodes.get(b)!.position);
  }
}

const nameOf = ({ edge, index }: IndexedEdge): string => edgeName(edge, index);

const fits = ({ on }: WorkflowEdge, outcome: 'completed' | 'failed'): boolean =>
  on === 'always' || (on ?? 'success') === (outcome === 'completed' ? 'success' : 'error');

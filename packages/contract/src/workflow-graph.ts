import type { Workflow, WorkflowEdge, WorkflowNode } from './workflow.js';

export interface GraphProblem {
  path: (string | number)[];
  message: string;
}

export interface GraphLimits {
  MAX_WORKFLOW_NODES: number;
  MAX_WORKFLOW_EDGES: number;
  MAX_WORKFLOW_DEPTH: number;
}

/** An edge with its index in the workflow. */
export interface IndexedEdge {
  readonly index: number;
  readonly edge: WorkflowEdge;
}

/** The nodes of a workflow, with their edges, parents and children. */
export class WorkflowGraph {
  readonly nodes = new Map<string, WorkflowNode>();
  private readonly parents = new Map<string, string[]>();
  private readonly children = new Map<string, string[]>();
  private readonly incomingEdges = new Map<string, IndexedEdge[]>();
  private readonly outgoingEdges = new Map<string, IndexedEdge[]>();

  constructor(workflow: Workflow) {
    for (const node of workflow.nodes) {
      this.nodes.set(node.id, node);
      this.incomingEdges.set(node.id, []);
      this.outgoingEdges.set(node.id, []);
    }
    workflow.edges.forEach((edge, index) => {
      const incoming = this.incomingEdges.get(edge.target);
      const outgoing = this.outgoingEdges.get(edge.source);
      if (!incoming || !outgoing) return;
      incoming.push({ index, edge });
      outgoing.push({ index, edge });
    });
    for (const id of this.nodes.keys()) {
      this.parents.set(id, [...new Set(this.incoming(id).map(({ edge }) => edge.source))]);
      this.children.set(id, [...new Set(this.outgoing(id).map(({ edge }) => edge.target))]);
    }
  }

  /** The edges that lead to a node, in the order of the workflow. Two nodes may have several edges between them. */
  incoming(id: string): readonly IndexedEdge[] {
    return this.incomingEdges.get(id) ?? [];
  }

  /** The edges that leave a node, in the order of the workflow. */
  outgoing(id: string): readonly IndexedEdge[] {
    return this.outgoingEdges.get(id) ?? [];
  }

  /** The nodes at the other ends of the incoming edges, each once. */
  parentsOf(id: string): readonly string[] {
    return this.parents.get(id) ?? [];
  }

  /** The nodes at the other ends of the outgoing edges, each once. */
  childrenOf(id: string): readonly string[] {
    return this.children.get(id) ?? [];
  }

  /** The nodes without children. Their outputs are the execution's output. */
  sinks(): string[] {
    return [...this.nodes.keys()].filter((id) => this.childrenOf(id).length === 0);
  }

  /** Layers of nodes that can run in parallel (Kahn's algorithm). Nodes on a cycle, or after one, are in no layer. */
  layers(): string[][] {
    const waiting = new Map([...this.parents].map(([id, parents]) => [id, parents.length]));
    const layers: string[][] = [];
    let layer = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
    while (layer.length > 0) {
      layers.push(layer);
      const next: string[] = [];
      for (const id of layer) {
        for (const child of this.childrenOf(id)) {
          const left = waiting.get(child)! - 1;
          waiting.set(child, left);
          if (left === 0) next.push(child);
        }
      }
      layer = next;
    }
    return layers;
  }
}

/** Returns every reason why a workflow is not a directed acyclic graph within the limits. */
export function checkGraph(workflow: Workflow, limits: GraphLimits): GraphProblem[] {
  const { nodes, edges } = workflow;
  if (nodes.length > limits.MAX_WORKFLOW_NODES) {
    return [
      {
        path: ['nodes'],
        message: `a workflow may have at most ${limits.MAX_WORKFLOW_NODES} nodes; this one has ${nodes.length}`,
      },
    ];
  }
  if (edges.length > limits.MAX_WORKFLOW_EDGES) {
    return [
      {
        path: ['edges'],
        message: `a workflow may have at most ${limits.MAX_WORKFLOW_EDGES} edges; this one has ${edges.length}`,
      },
    ];
  }
  const problems: GraphProblem[] = [];
  const known = new Set<string>();
  nodes.forEach((node, index) => {
    if (known.has(node.id))
      problems.push({
        path: ['nodes', index, 'id'],
        message: `another node already has the id "${node.id}"`,
      });
    known.add(node.id);
  });
  edges.forEach((edge, index) => {
    for (const end of ['source', 'target'] as const) {
      if (!known.has(edge[end]))
        problems.push({ path: ['edges', index, end], message: `there is no node "${edge[end]}"` });
    }
    if (edge.source === edge.target)
      problems.push({ path: ['edges', index], message: `node "${edge.source}" cannot wait for itself` });
  });
  if (problems.length > 0) return problems;

  const graph = new WorkflowGraph(workflow);
  const layers = graph.layers();
  const reached = new Set(layers.flat());
  if (reached.size < nodes.length) {
    const cycle = findCycle(
      graph,
      [...known].filter((id) => !reached.has(id)),
    );
    return [
      { path: ['edges'], message: `a workflow must not contain a cycle; this one has ${cycle.join(' -> ')}` },
    ];
  }
  if (layers.length > limits.MAX_WORKFLOW_DEPTH) {
    return [
      {
        path: ['edges'],
        message: `a workflow may be at most ${limits.MAX_WORKFLOW_DEPTH} nodes deep; this one is ${layers.length} deep`,
      },
    ];
  }
  return [];
}

/** Finds a cycle. Every remaining node has a remaining parent, so following parents must reach a node twice. */
function findCycle(graph: WorkflowGraph, remaining: string[]): string[] {
  const candidates = new Set(remaining);
  const path: string[] = [];
  let id = remaining[0]!;
  while (!path.includes(id)) {
    path.push(id);
    id = graph.parentsOf(id).find((parent) => candidates.has(parent))!;
  }
  return [id, ...path.slice(path.indexOf(id)).reverse()];
}

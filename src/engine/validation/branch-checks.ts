import {
  edgeName,
  type GraphProblem,
  type IndexedEdge,
  isBranchEdge,
  type Workflow,
  type WorkflowEdge,
  WorkflowGraph,
} from '@cloutagent/contract';

type Outcome = 'success' | 'error';

/** The edges that leave one node, if anything but its success decides one of them. */
interface Branches {
  readonly edges: readonly IndexedEdge[];
  /** The outcomes for which an edge with `when` is decided. */
  readonly conditional: ReadonlySet<Outcome>;
  /** The outcomes for which an edge with `when` is always taken. */
  readonly certain: ReadonlySet<Outcome>;
}

/** Finds edges that cannot be decided, and nodes that can never run, in an acyclic workflow. */
export function checkBranches(workflow: Workflow): GraphProblem[] {
  const graph = new WorkflowGraph(workflow);
  const branches = new Map<string, Branches>();
  for (const id of graph.nodes.keys()) {
    const edges = graph.outgoing(id);
    if (edges.some(({ edge }) => isBranchEdge(edge))) branches.set(id, branchesOf(edges));
  }
  const problems = [...branches].flatMap(([id, ofNode]) => [
    ...ofNode.edges.flatMap((edge) => checkEdge(edge, ofNode)),
    ...checkNames(id, ofNode.edges),
  ]);
  return problems.length > 0 ? problems : findUnreachable(graph, branches);
}

const outcomesOf = ({ on = 'success' }: WorkflowEdge): readonly Outcome[] =>
  on === 'always' ? ['success', 'error'] : [on];

function branchesOf(edges: readonly IndexedEdge[]): Branches {
  const [conditional, certain] = [new Set<Outcome>(), new Set<Outcome>()];
  for (const { edge } of edges) {
    if (edge.when === undefined) continue;
    for (const outcome of outcomesOf(edge)) {
      conditional.add(outcome);
      if (constantOf(edge.when) === true) certain.add(outcome);
    }
  }
  return { edges, conditional, certain };
}

function checkEdge({ edge, index }: IndexedEdge, { conditional }: Branches): GraphProblem[] {
  const { when, otherwise } = edge;
  const problem = (member: string, message: string): GraphProblem[] => [
    { path: ['edges', index, member], message },
  ];
  if (when !== undefined && otherwise === true)
    return problem('otherwise', 'an edge has either when or otherwise: remove one of them');
  if (when !== undefined) {
    const constant = constantOf(when);
    return constant === undefined || typeof constant === 'boolean'
      ? []
      : problem(
          'when',
          'is not a condition, because it never gives true or false: write one, such as input.amount > 100',
        );
  }
  return otherwise !== true || outcomesOf(edge).some((outcome) => conditional.has(outcome))
    ? []
    : problem(
        'otherwise',
        `needs another edge from node "${edge.source}" that has when and can follow the same outcome: add one, or remove otherwise`,
      );
}

/** `execution:branch` names edges, so the edges of one node need different names. */
function checkNames(id: string, edges: readonly IndexedEdge[]): GraphProblem[] {
  const indexes = new Map<string, number>();
  return edges.flatMap(({ edge, index }) => {
    const name = edgeName(edge, index);
    const other = indexes.get(name);
    if (other === undefined) {
      indexes.set(name, index);
      return [];
    }
    // Only one of the two has an id if that is `edges[i]`: then that id is to be changed.
    return [
      {
        path: ['edges', edge.id === undefined ? other : index, 'id'],
        message: `another edge from node "${id}" has the same name: give each edge of a node that has branches an id of its own`,
      },
    ];
  });
}

/**
 * Finds the nodes that no edge can lead to. Any node can complete and can fail, and a condition can give anything unless it
 * is a constant.
 */
function findUnreachable(graph: WorkflowGraph, branches: ReadonlyMap<string, Branches>): GraphProblem[] {
  const canBeTaken = (edge: WorkflowEdge): boolean => {
    if (edge.when !== undefined) return constantOf(edge.when) !== false;
    const certain = branches.get(edge.source)?.certain;
    return edge.otherwise !== true || outcomesOf(edge).some((outcome) => !certain?.has(outcome));
  };
  const reachable = new Set<string>();
  for (const id of graph.layers().flat()) {
    const incoming = graph.incoming(id);
    if (incoming.length === 0 || incoming.some(({ edge }) => reachable.has(edge.source) && canBeTaken(edge)))
      reachable.add(id);
  }
  return [...graph.nodes.keys()].flatMap((id, index) =>
    reachable.has(id)
      ? []
      : [
          {
            path: ['nodes', index],
            message: `node "${id}" can never run, because no edge to it can be taken: correct the conditions of its edges, or remove the node`,
          },
        ],
  );
}

/** The value of a condition that is a JSON value; undefined for all others. JSONata gives the same value. */
function constantOf(when: string): unknown {
  try {
    return JSON.parse(when) as unknown;
  } catch {
    return undefined;
  }
}

import { isDeepStrictEqual } from 'node:util';
import {
  edgeName,
  type ExecutionState,
  type Step,
  type Workflow,
  type WorkflowEdge,
  WorkflowGraph,
  type WorkflowNode,
} from '@cloutagent/contract';

/** What a re-run needs to know of the execution that it repeats. */
export interface EndedRun {
  workflow: Workflow;
  state: Pick<ExecutionState, 'steps' | 'branches'>;
  /** Nodes of which a person has answered a wait, also one of a child execution. */
  answered: ReadonlySet<string>;
  /** Nodes with child executions that did not complete. */
  failedChildren: ReadonlySet<string>;
}

/** What a re-run is asked for. */
export interface RerunPlan {
  /** The workflow that it runs. */
  workflow: Workflow;
  /** Nodes that run again with all that they lead to, or the nodes that failed or were cut off. */
  from: 'failed' | readonly string[];
  /** Whether the input or the workflow is another one. Answers of people are not kept then. */
  isChanged: boolean;
  /** Whether all nodes run again if `from` is `failed` and no node failed. */
  restarts?: boolean;
}

type Decision = ExecutionState['branches'][string];

/** What a re-run keeps of the nodes of an execution. */
export interface KeptNodes {
  /** The last step of each kept node. A node comes after its parents. */
  steps: Step[];
  /** Decisions of kept nodes, with the names that the edges have in the new workflow. */
  branches: ({ nodeId: string } & Decision)[];
  /** Nodes that run again and keep their completed child executions whose input is the same. */
  withChildren: string[];
}

/**
 * Finds out which nodes a re-run keeps: those that are done, are the same in both workflows, and neither run again nor come
 * after a node that does. With each kept node, all nodes before it are kept.
 */
export function keptNodes(old: EndedRun, plan: RerunPlan): KeptNodes {
  const graph = new WorkflowGraph(plan.workflow);
  const steps = new Map(old.state.steps.map((step) => [step.nodeId, step]));
  const before = new Map(old.workflow.nodes.map((node) => [node.id, node]));
  const incoming = { old: edgesBy('target', old.workflow), new: edgesBy('target', plan.workflow) };
  const outgoing = { old: edgesBy('source', old.workflow), new: edgesBy('source', plan.workflow) };
  const isSame = (node: WorkflowNode): boolean =>
    isSameNode(before.get(node.id), node) &&
    isDeepStrictEqual(keysOf(incoming.old.get(node.id)), keysOf(incoming.new.get(node.id)));

  const decisions = new Map<string, Decision>();
  const again = new Set(nodesFrom(old, plan, steps));
  for (const node of graph.nodes.values()) {
    const step = steps.get(node.id);
    const edges = { old: outgoing.old.get(node.id) ?? [], new: outgoing.new.get(node.id) ?? [] };
    const decision = Object.hasOwn(old.state.branches, node.id) ? old.state.branches[node.id] : undefined;
    const renamed = decision && renamedDecision(decision, edges);
    if (renamed) decisions.set(node.id, renamed);
    const isDone =
      step?.status === 'completed' ||
      step?.status === 'skipped' ||
      (step?.status === 'failed' && renamed !== undefined && isHandled(renamed, edges.new));
    if (!isDone || !isSame(node) || (plan.isChanged && old.answered.has(node.id))) again.add(node.id);
    // Other conditions may decide otherwise, so that what has run after them may have to be skipped.
    if (hasOtherConditions(edges)) for (const { edge } of edges.new) again.add(edge.target);
  }
  addReachable(again, graph);

  const kept = graph
    .layers()
    .flat()
    .filter((id) => !again.has(id));
  return {
    steps: kept.map((id) => steps.get(id)!),
    branches: kept.flatMap((nodeId) => {
      const decision = decisions.get(nodeId);
      return decision ? [{ nodeId, ...decision }] : [];
    }),
    withChildren: [...again].filter((id) => {
      const node = graph.nodes.get(id);
      const isCompleted = steps.get(id)?.status === 'completed' && !old.failedChildren.has(id);
      return node !== undefined && !isCompleted && isSameNode(before.get(id), node);
    }),
  };
}

/**
 * The nodes at which a re-run begins. `failed`: nodes that failed or were cut off; if there are none, completed nodes with
 * child executions that failed.
 */
function nodesFrom(old: EndedRun, plan: RerunPlan, steps: ReadonlyMap<string, Step>): Iterable<string> {
  if (plan.from !== 'failed') return plan.from;
  const isFailed = (id: string): boolean => !['completed', 'skipped'].includes(steps.get(id)?.status ?? '');
  const failed = old.workflow.nodes.map(({ id }) => id).filter(isFailed);
  if (failed.length > 0) return failed;
  if (old.failedChildren.size > 0 || !plan.restarts) return old.failedChildren;
  return plan.workflow.nodes.map(({ id }) => id);
}

function addReachable(nodes: Set<string>, graph: WorkflowGraph): void {
  // A set gives the members that are added while it is iterated, too.
  for (const id of nodes) for (const child of graph.childrenOf(id)) nodes.add(child);
}

/** Checks whether two workflows run the same: positions, labels and the order of nodes and edges do not count. */
export function isSameWorkflow(one: Workflow, other: Workflow): boolean {
  const nodes = new Map(other.nodes.map((node) => [node.id, node]));
  const isSame = (node: WorkflowNode): boolean => {
    const twin = nodes.get(node.id);
    return twin?.type === node.type && isDeepStrictEqual(meaningOf(node), meaningOf(twin));
  };
  const edgesOf = ({ edges }: Workflow): string[] => edges.map((edge) => keyOf(edge)).toSorted();
  return (
    one.nodes.length === other.nodes.length &&
    one.nodes.every(isSame) &&
    isDeepStrictEqual(edgesOf(one), edgesOf(other))
  );
}

function meaningOf({ data: { label: _label, ...data } }: WorkflowNode): unknown {
  // A workflow that was sent has members that are undefined. The database has none.
  return JSON.parse(JSON.stringify(data));
}

const isSameNode = (one: WorkflowNode | undefined, other: WorkflowNode): boolean =>
  one?.type === other.type &&
  (one.data.join ?? 'all') === (other.data.join ?? 'all') &&
  isDeepStrictEqual(one.data.config, other.data.config);

/** What an edge means: all but its id. */
const keyOf = ({ source, target, on, when, otherwise }: WorkflowEdge): string =>
  JSON.stringify([source, target, on ?? 'success', when ?? null, otherwise ?? false]);

interface NamedEdge {
  edge: WorkflowEdge;
  name: string;
  key: string;
}

function edgesBy(end: 'source' | 'target', { edges }: Workflow): Map<string, NamedEdge[]> {
  const byNode = new Map<string, NamedEdge[]>();
  edges.forEach((edge, index) => {
    const named = { edge, name: edgeName(edge, index), key: keyOf(edge) };
    const known = byNode.get(edge[end]);
    if (known) known.push(named);
    else byNode.set(edge[end], [named]);
  });
  return byNode;
}

const keysOf = (edges: readonly NamedEdge[] = []): string[] => edges.map(({ key }) => key).toSorted();

/** The edges that leave one node in the old and in the new workflow. */
interface LeavingEdges {
  old: readonly NamedEdge[];
  new: readonly NamedEdge[];
}

const hasOtherConditions = (edges: LeavingEdges): boolean =>
  [...edges.old, ...edges.new].some(({ edge: { when, otherwise } }) => when !== undefined || otherwise) &&
  !isDeepStrictEqual(keysOf(edges.old), keysOf(edges.new));

/** Gives a decision the edge names of the new workflow. Returns undefined if the edges are not the same. */
function renamedDecision(decision: Decision, edges: LeavingEdges): Decision | undefined {
  if (!isDeepStrictEqual(keysOf(edges.old), keysOf(edges.new))) return undefined;
  const newNames = new Map<string, string[]>();
  for (const { key, name } of edges.new) newNames.set(key, [...(newNames.get(key) ?? []), name]);
  const renamed = new Map(edges.old.map(({ key, name }) => [name, newNames.get(key)!.shift()!]));
  const rename = (names: readonly string[]): string[] => names.flatMap((name) => renamed.get(name) ?? []);
  return { taken: rename(decision.taken), notTaken: rename(decision.notTaken) };
}

const isHandled = ({ taken }: Decision, edges: readonly NamedEdge[]): boolean =>
  edges.some(({ edge, name }) => edge.on === 'error' && taken.includes(name));

import { edgeName, type WorkflowOutline } from '@cloutagent/contract';
import { type ExecutionSnapshot, type NameOf, useCloutAgent } from '@cloutagent/react';
import { useCallback, useMemo } from 'react';
import { type NodeState, nodeState } from '../graph/node-state.js';
import { WorkflowView } from '../graph/workflow-view.js';
import { changeQuery, useLocation } from '../routing/location.js';
import { useLoad } from '../session/use-load.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { count, counted, duration } from '../ui/quantity.js';
import { NodePanel } from './node-panel.js';

const select = (nodeId: string): void => changeQuery({ node: nodeId });

/** Closes the panel and returns the keyboard focus to the node. */
function deselect(): void {
  const selected = document.querySelector<HTMLElement>('.react-flow__node.selected');
  changeQuery({ node: null });
  // On Escape, React Flow removes the focus from the node in the next frame.
  requestAnimationFrame(() => selected?.focus());
}

interface Props {
  executionId: string;
  snapshot: ExecutionSnapshot;
  nameOf: NameOf;
  /** Whether the key may run the execution again. */
  mayRerun: boolean;
}

/** Shows the workflow with the state of each node, and below it the panel of the selected node. */
export function GraphPanel({ executionId, snapshot, nameOf, mayRerun }: Props) {
  const api = useCloutAgent();
  const workflow = useLoad(
    useCallback((signal) => api.executions.workflow(executionId, { signal }), [api, executionId]),
  );
  const selected = useLocation().query.get('node');
  const { steps, nodes, waits, branches, endedAt } = snapshot;
  const ended = endedAt !== undefined;
  const states = useMemo(() => {
    const last = new Map(steps.map((step) => [step.nodeId, step]));
    const open = Map.groupBy(waits, (wait) => wait.nodeId);
    return new Map<string, NodeState>(
      workflow.data?.nodes.map(({ id }) => [
        id,
        nodeState({ step: last.get(id), waits: open.get(id) ?? [], ended }, duration),
      ]),
    );
  }, [steps, waits, workflow.data, ended]);
  const edges = useMemo(() => edgesByName(workflow.data), [workflow.data]);
  const node = workflow.data?.nodes.find(({ id }) => id === selected);

  return (
    <section className="card" aria-label="Graph">
      <div className="card-head">
        <h2>Workflow</h2>
        <span className="muted">{workflow.data && <CompletedCount states={states} />}</span>
      </div>
      {workflow.error && (
        <ProblemNotice
          what="The graph could not be loaded."
          error={workflow.error}
          onRetry={workflow.reload}
        />
      )}
      {workflow.data && (
        <div className="run-graph">
          <WorkflowView
            outline={workflow.data}
            states={states}
            branches={branches}
            selected={selected}
            onSelect={select}
          />
        </div>
      )}
      {node && (
        <NodePanel
          key={node.id}
          node={node}
          state={states.get(node.id)}
          view={nodes.find(({ nodeId }) => nodeId === node.id)}
          steps={steps.filter(({ nodeId }) => nodeId === node.id)}
          status={snapshot.status}
          branch={Object.hasOwn(branches, node.id) ? branches[node.id] : undefined}
          describeEdge={(name) => edges.get(name) ?? name}
          rerun={mayRerun && ended ? executionId : undefined}
          nameOf={nameOf}
          onClose={deselect}
        />
      )}
    </section>
  );
}

/** Describes each edge by its target, and by its id if it has one, by the name that decisions use. */
function edgesByName(outline: WorkflowOutline | undefined): ReadonlyMap<string, string> {
  const labels = new Map(outline?.nodes.map(({ id, label }) => [id, label ?? id]));
  return new Map(
    outline?.edges.map((edge, index) => {
      const target = labels.get(edge.target) ?? edge.target;
      return [edgeName(edge, index), edge.id === undefined ? target : `${target} (${edge.id})`];
    }),
  );
}

function CompletedCount({ states }: { states: ReadonlyMap<string, NodeState> }) {
  const countOf = (wanted: NodeState['status']): number =>
    [...states.values()].filter(({ status }) => status === wanted).length;
  const skipped = countOf('skipped');
  return (
    <>
      {count(countOf('completed'))} of {counted(states.size, 'node')} completed
      {skipped > 0 && `, ${count(skipped)} skipped`}
    </>
  );
}

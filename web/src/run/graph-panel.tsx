import { type ExecutionSnapshot, useCloutAgent } from '@cloutagent/react';
import { useCallback, useMemo, useState } from 'react';
import { type NodeState, nodeState } from '../graph/node-state.js';
import { WorkflowView } from '../graph/workflow-view.js';
import { useLoad } from '../session/use-load.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { count, counted, duration } from '../ui/quantity.js';
import { NodePanel } from './node-panel.js';

/** The workflow as it runs; a node that is picked is told of below. */
export function GraphPanel({ executionId, snapshot }: { executionId: string; snapshot: ExecutionSnapshot }) {
  const api = useCloutAgent();
  const workflow = useLoad(
    useCallback((signal) => api.executions.workflow(executionId, { signal }), [api, executionId]),
  );
  const [selected, setSelected] = useState<string | null>(null);
  const { steps, nodes } = snapshot;
  const states = useMemo(() => {
    const last = new Map(steps.map((step) => [step.nodeId, step]));
    return new Map<string, NodeState>(
      workflow.data?.nodes.map(({ id }) => [id, nodeState(last.get(id), duration)]),
    );
  }, [steps, workflow.data]);
  const node = workflow.data?.nodes.find(({ id }) => id === selected);

  return (
    <section className="card" aria-label="Graph">
      <div className="card-head">
        <h2>Workflow</h2>
        <span className="muted">{workflow.data && <Tally states={states} />}</span>
      </div>
      {workflow.error && (
        <ProblemNotice what="The graph cannot be shown." error={workflow.error} onRetry={workflow.reload} />
      )}
      {workflow.data && (
        <div className="run-graph">
          <WorkflowView outline={workflow.data} states={states} selected={selected} onSelect={setSelected} />
        </div>
      )}
      {node && (
        <NodePanel
          key={node.id}
          node={node}
          state={states.get(node.id)}
          view={nodes.find(({ nodeId }) => nodeId === node.id)}
          steps={steps.filter(({ nodeId }) => nodeId === node.id)}
          onClose={() => setSelected(null)}
        />
      )}
    </section>
  );
}

function Tally({ states }: { states: ReadonlyMap<string, NodeState> }) {
  const done = [...states.values()].filter(({ status }) => status === 'completed').length;
  return (
    <>
      {count(done)} of {counted(states.size, 'node')} done
    </>
  );
}

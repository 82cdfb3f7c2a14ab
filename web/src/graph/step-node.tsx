import { Handle, type Node, type NodeProps, Position } from '@xyflow/react';
import { memo } from 'react';
import { StatusIcon } from '../ui/status-icon.js';
import type { Direction } from './geometry.js';
import type { NodeState } from './node-state.js';

type StepNodeData = { label: string; type: string; direction: Direction; state: NodeState | null };
export type StepNode = Node<StepNodeData, 'step'>;

/** A node of the workflow. Shows the status of its last step by colour, icon and word. */
export const StepNodeView = memo(function StepNodeView({ data }: NodeProps<StepNode>) {
  const { label, type, direction, state } = data;
  const across = direction === 'across';
  return (
    <div className="step-node" data-status={state?.status ?? 'idle'}>
      <Handle type="target" position={across ? Position.Left : Position.Top} isConnectable={false} />
      <span className="step-node-label" title={label}>
        {label}
      </span>
      <span className="step-node-line">
        <span className="muted">{type}</span>
        {state && (
          <span className="step-node-status">
            <StatusIcon status={state.status} />
            {state.label}
          </span>
        )}
      </span>
      {state?.detail != null && <span className="step-node-detail">{state.detail}</span>}
      <Handle type="source" position={across ? Position.Right : Position.Bottom} isConnectable={false} />
    </div>
  );
});

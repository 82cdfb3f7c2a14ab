import {
  Controls,
  type Edge,
  MarkerType,
  type NodeChange,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from '@xyflow/react';
import type { WorkflowOutline } from '@cloutagent/contract';
import '@xyflow/react/dist/base.css';
import { type Branch, visibleText } from '@cloutagent/react';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { useTheme } from '../app/theme.js';
import { useMedia } from '../ui/media.js';
import { edgeLabels, edgeState } from './edge-state.js';
import './graph.css';
import { type Direction, NODE_HEIGHT, NODE_WIDTH } from './geometry.js';
import { type Layout, layOut } from './layout.js';
import type { NodeState } from './node-state.js';
import { RoutedEdgeView } from './routed-edge.js';
import { type StepNode, StepNodeView } from './step-node.js';

const NODE_TYPES = { step: StepNodeView };
const EDGE_TYPES = { routed: RoutedEdgeView };
const LABELS = {
  'node.a11yDescription.default': 'Press Enter or Space to show the steps and the output of this node.',
  'node.a11yDescription.keyboardDisabled':
    'Press Enter or Space to show the steps and the output of this node.',
};

interface Props {
  outline: WorkflowOutline;
  /** State of each node; absent in a preview. */
  states?: ReadonlyMap<string, NodeState>;
  /** Which edges were taken, by node id; absent in a preview. */
  branches?: { readonly [nodeId: string]: Branch };
  selected?: string | null;
  onSelect?: (nodeId: string) => void;
}

/** Draws the workflow as a graph. When steps change, only the nodes that changed render again. */
export function WorkflowView(props: Props) {
  const { outline } = props;
  const preferred: Direction = useMedia('(width < 640px)') ? 'down' : 'across';
  const layout = useMemo(() => layOut(outline, preferred), [outline, preferred]);
  return (
    // React Flow measures only once where edges attach to a node, so another direction needs a new instance.
    <ReactFlowProvider key={layout.direction}>
      <Flow {...props} layout={layout} />
    </ReactFlowProvider>
  );
}

const NO_BRANCHES = {};

function Flow(props: Props & { layout: Layout }) {
  const { outline, layout, states, branches = NO_BRANCHES, selected = null, onSelect } = props;
  const nodes = useNodes(outline, layout, states, selected);
  const edges = useMemo(
    () => edgesOf(outline, layout, states, branches),
    [outline, layout, states, branches],
  );
  const frame = useRef<HTMLDivElement>(null);
  useFit(frame, layout);
  const change = useCallback(
    (changes: NodeChange<StepNode>[]) => {
      for (const one of changes) if (one.type === 'select' && one.selected) onSelect?.(one.id);
    },
    [onSelect],
  );
  return (
    <div className="workflow-view" ref={frame} role="region" aria-label="Workflow">
      <ReactFlow<StepNode>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={change}
        onNodeClick={(_event, { id }) => onSelect?.(id)}
        colorMode={useTheme()}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={onSelect !== undefined}
        edgesFocusable={false}
        elementsSelectable={onSelect !== undefined}
        deleteKeyCode={null}
        zoomOnScroll={false}
        zoomOnDoubleClick={false}
        preventScrolling={false}
        minZoom={0.15}
        maxZoom={1.5}
        ariaLabelConfig={LABELS}
        fitView
      >
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

/** Returns the nodes for React Flow. A node that did not change stays the same object. */
function useNodes(
  outline: WorkflowOutline,
  { points, direction }: Layout,
  states: ReadonlyMap<string, NodeState> | undefined,
  selected: string | null,
): StepNode[] {
  const previous = useRef(new Map<string, { key: string; node: StepNode }>());
  return useMemo(() => {
    const now = new Map<string, { key: string; node: StepNode }>();
    for (const { id, type, label: given = id } of outline.nodes) {
      const label = visibleText(given);
      const state = states?.get(id) ?? null;
      const position = points.get(id) ?? { x: 0, y: 0 };
      const key = JSON.stringify([type, label, state, position, direction, id === selected]);
      const known = previous.current.get(id);
      now.set(
        id,
        known?.key === key
          ? known
          : {
              key,
              node: {
                id,
                type: 'step',
                position,
                width: NODE_WIDTH,
                height: NODE_HEIGHT,
                selected: id === selected,
                ariaRole: 'button',
                data: { label, type, direction, state },
              },
            },
      );
    }
    previous.current = now;
    return [...now.values()].map(({ node }) => node);
  }, [outline, points, direction, states, selected]);
}

function edgesOf(
  { edges }: WorkflowOutline,
  { routes, direction }: Layout,
  states: ReadonlyMap<string, NodeState> | undefined,
  branches: { readonly [nodeId: string]: Branch },
): Edge[] {
  const labels = edgeLabels(edges);
  return edges.map((edge, index) => {
    const { source, target } = edge;
    const route = routes.get(index);
    const state = edgeState(edge, index, branches, states?.get(source)?.status);
    const targetStatus = states?.get(target)?.status;
    const isTaken = state === 'taken';
    return {
      id: `${index}`,
      source,
      target,
      ...(route && { type: 'routed', data: { route, direction } }),
      ...(labels[index] && { label: labels[index], labelBgPadding: [4, 2], labelBgBorderRadius: 4 }),
      className: isTaken ? 'done' : state,
      animated: isTaken && (targetStatus === 'running' || targetStatus === 'retrying'),
      markerEnd: {
        type: MarkerType.ArrowClosed,
        width: 14,
        height: 14,
        color: isTaken ? 'var(--completed)' : 'var(--line-strong)',
      },
    };
  });
}

/** Fits the whole graph into the frame when the frame or the graph changes. */
function useFit(frame: React.RefObject<HTMLDivElement | null>, layout: Layout): void {
  const { fitView } = useReactFlow();
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => void fitView({ padding: 0.12, maxZoom: 1 }));
    observer.observe(element);
    return () => observer.disconnect();
  }, [fitView, frame, layout]);
}

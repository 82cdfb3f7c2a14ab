import { BaseEdge, type Edge, type EdgeProps } from '@xyflow/react';
import { pathOf } from './edge-path.js';
import type { Direction, Point } from './geometry.js';

export type RoutedEdge = Edge<{ route: readonly Point[]; direction: Direction }, 'routed'>;

/** Draws an edge that is routed around nodes. */
export function RoutedEdgeView(props: EdgeProps<RoutedEdge>) {
  const { sourceX, sourceY, targetX, targetY, data, markerEnd, style } = props;
  const { label, labelBgPadding, labelBgBorderRadius } = props;
  const { route = [], direction = 'across' } = data ?? {};
  const path = pathOf({ x: sourceX, y: sourceY }, route, { x: targetX, y: targetY }, direction);
  const middle = route[Math.floor((route.length - 1) / 2)] ?? { x: sourceX, y: sourceY };
  return (
    <BaseEdge
      path={path}
      {...(markerEnd && { markerEnd })}
      {...(style && { style })}
      {...(label !== undefined && { label, labelX: middle.x, labelY: middle.y })}
      {...(labelBgPadding && { labelBgPadding })}
      {...(labelBgBorderRadius !== undefined && { labelBgBorderRadius })}
    />
  );
}

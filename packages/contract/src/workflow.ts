import { z } from 'zod';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';

const name = (what: string) =>
  z
    .string()
    .min(1)
    .max(NAME_MAX_LENGTH)
    .regex(NAME, `${what} takes letters, digits and . _ : - and starts with a letter or digit`);

/** Names a node inside its workflow, and in `{{nodes.<id>.output}}`. */
export const NodeId = name('a node id').meta({ examples: ['verdict'] });

/**
 * One unit of a workflow, in the shape of a React Flow node. What `data.config` must hold depends on
 * `type`; the server checks it against the node type's own schema.
 */
export const WorkflowNode = z
  .looseObject({
    id: NodeId,
    type: name('a node type').meta({
      description: 'agent, subagent, http, transform, delay, approval, or one a module adds.',
    }),
    position: z.looseObject({ x: z.number(), y: z.number() }).optional(),
    data: z
      .looseObject({
        label: z.string().max(200).optional(),
        config: z.record(z.string(), z.unknown()).default({}),
        timeoutMs: z
          .int()
          .min(1)
          .max(86_400_000)
          .optional()
          .meta({ description: 'Time limit of one attempt, in ms; pauses do not count.' }),
        maxRetries: z
          .int()
          .min(0)
          .max(10)
          .optional()
          .meta({ description: 'Overrides options.maxRetries for this node.' }),
      })
      .default({ config: {} }),
  })
  .meta({ id: 'WorkflowNode' });
export type WorkflowNode = z.infer<typeof WorkflowNode>;

/** "target starts when source is done." In the shape of a React Flow edge. */
export const WorkflowEdge = z
  .looseObject({ id: z.string().max(256).optional(), source: NodeId, target: NodeId })
  .meta({ id: 'WorkflowEdge' });
export type WorkflowEdge = z.infer<typeof WorkflowEdge>;

/** A directed acyclic graph of nodes. */
export const Workflow = z
  .looseObject({
    nodes: z.array(WorkflowNode).min(1, 'a workflow needs at least one node'),
    edges: z.array(WorkflowEdge).default([]),
  })
  .meta({ id: 'Workflow' });
export type Workflow = z.infer<typeof Workflow>;

/** What a workflow looks like: enough to draw it. Configs are left out, as they may hold secrets. */
export const WorkflowOutline = z
  .object({
    nodes: z.array(
      z.object({
        id: NodeId,
        type: z.string(),
        label: z.string().optional(),
        position: z.object({ x: z.number(), y: z.number() }).optional(),
      }),
    ),
    edges: z.array(z.object({ source: NodeId, target: NodeId })),
  })
  .meta({ id: 'WorkflowOutline' });
export type WorkflowOutline = z.infer<typeof WorkflowOutline>;

/** The outline of a workflow. */
export const outlineOf = ({ nodes, edges }: Workflow): WorkflowOutline => ({
  nodes: nodes.map(({ id, type, position, data: { label } }) => ({
    id,
    type,
    ...(label !== undefined && { label }),
    ...(position && { position: { x: position.x, y: position.y } }),
  })),
  edges: edges.map(({ source, target }) => ({ source, target })),
});

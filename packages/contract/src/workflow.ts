import { z } from 'zod';
import { orDefault, orNull } from './or-null.js';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';

/** Names a node inside its workflow, and in `{{nodes.<id>.output}}`. */
export const NodeId = z
  .string()
  .min(1)
  .max(128)
  .regex(
    /^[A-Za-z0-9_-][A-Za-z0-9._:-]*$/,
    'a node id takes letters, digits and . _ : - and starts with a letter, a digit, _ or -',
  )
  // An object with node ids as keys could not have such a member.
  .refine((id) => id !== '__proto__', 'a node id cannot be __proto__')
  .meta({ examples: ['verdict'] });

const NodeTypeName = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME, 'a node type takes letters, digits and . _ : - and starts with a letter or digit');

/**
 * One unit of a workflow, in the shape of a React Flow node. What `data.config` must hold depends on
 * `type`; the server checks it against the node type's own schema.
 */
export const WorkflowNode = z
  .looseObject({
    id: NodeId,
    type: NodeTypeName.meta({
      description: 'agent, subagent, http, transform, delay, approval, or one a module adds.',
    }),
    position: orNull(z.looseObject({ x: z.number(), y: z.number() })),
    data: orDefault(
      z.looseObject({
        label: orNull(z.string().max(200)),
        config: orDefault(z.record(z.string(), z.unknown()), () => ({})),
        timeoutMs: orNull(z.int().min(1).max(86_400_000)).meta({
          description: 'Time limit of one attempt, in ms; pauses do not count.',
        }),
        maxRetries: orNull(z.int().min(0).max(10)).meta({
          description: 'Overrides options.maxRetries for this node.',
        }),
      }),
      () => ({ config: {} }),
    ),
  })
  .meta({ id: 'WorkflowNode' });
export type WorkflowNode = z.infer<typeof WorkflowNode>;

/** "target starts when source is done." In the shape of a React Flow edge. */
export const WorkflowEdge = z
  // Nothing depends on the id, and Langflow writes 300 characters and more into one.
  .looseObject({ id: orNull(z.string()), source: NodeId, target: NodeId })
  .meta({ id: 'WorkflowEdge' });
export type WorkflowEdge = z.infer<typeof WorkflowEdge>;

/** Whatever a server allows: a list that is longer is refused before its items are looked at. */
export const MOST_NODES = 5_000;
export const MOST_EDGES = 10_000;

/** A directed acyclic graph of nodes. */
export const Workflow = z
  .looseObject({
    nodes: z.array(WorkflowNode).min(1, 'a workflow needs at least one node').max(MOST_NODES),
    edges: orDefault(z.array(WorkflowEdge).max(MOST_EDGES), () => []),
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

import { z } from 'zod';
import { orDefault, orNull } from './or-null.js';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';

/** Identifies a node inside its workflow, also in `{{nodes.<id>.output}}`. */
export const NodeId = z
  .string()
  .min(1)
  .max(128)
  .regex(
    /^[A-Za-z0-9_-][A-Za-z0-9._:-]*$/,
    'a node id may contain letters, digits and . _ : - and must start with a letter, a digit, _ or -',
  )
  // Outputs are kept in objects by node id, and `__proto__` cannot be an ordinary member of an object.
  .refine((id) => id !== '__proto__', 'a node id cannot be __proto__')
  .meta({ examples: ['verdict'] });

const NodeTypeName = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME, 'a node type may contain letters, digits and . _ : - and must start with a letter or digit');

/** How often, and after which failures, the engine repeats an attempt of a node. */
export const RetryPolicy = z
  .strictObject({
    maxRetries: orNull(z.int().min(0).max(100)),
    baseMs: orNull(z.int().min(0).max(86_400_000)).meta({
      description: 'Longest delay before the first retry, in ms.',
    }),
    maxMs: orNull(z.int().min(0).max(86_400_000)).meta({
      description: 'Longest delay before any retry, in ms.',
    }),
    on: orNull(z.array(z.string().min(1).max(128)).max(50)).meta({
      description: 'Only failures with these codes are retried. Without it: failures that may pass.',
    }),
    onExhausted: orNull(z.enum(['fail', 'wait'])).meta({ description: 'The same as `data.onExhausted`.' }),
  })
  .meta({ id: 'RetryPolicy' });
export type RetryPolicy = z.infer<typeof RetryPolicy>;

/**
 * One unit of a workflow, in the shape of a React Flow node. The server checks `data.config` against the schema of the
 * node's `type`.
 */
export const WorkflowNode = z
  .looseObject({
    id: NodeId,
    type: NodeTypeName.meta({
      description:
        'agent, subagent, http, transform, delay, approval, wait, workflow, map, loop, or a type that a module adds.',
    }),
    position: orNull(z.looseObject({ x: z.number(), y: z.number() })),
    data: orDefault(
      z.looseObject({
        label: orNull(z.string().max(200)),
        config: orDefault(z.record(z.string(), z.unknown()), () => ({})),
        timeoutMs: orNull(z.int().min(1).max(86_400_000)).meta({
          description: 'Time limit of one attempt, in ms. Pauses do not count.',
        }),
        maxRetries: orNull(z.int().min(0).max(10)).meta({
          description: 'Overrides options.maxRetries for this node.',
        }),
        join: orNull(z.enum(['all', 'any'])).meta({
          description:
            'When the node runs. all (default): when every incoming edge is decided and at least one is taken. any: at the first edge that is taken.',
        }),
        retry: orNull(RetryPolicy),
        onExhausted: orNull(z.enum(['fail', 'wait'])).meta({
          description:
            'What follows when the node fails and no retry is left. fail (default): the node fails. wait: the node waits for a person, who tries again, lets it fail, or gives an output.',
        }),
      }),
      () => ({ config: {} }),
    ),
  })
  .meta({ id: 'WorkflowNode' });
export type WorkflowNode = z.infer<typeof WorkflowNode>;

/** The outcome of a node that an edge follows. */
export const EdgeOutcome = z.enum(['success', 'error', 'always']);
export type EdgeOutcome = z.infer<typeof EdgeOutcome>;

/**
 * Makes the node `target` wait for the node `source`, and run only if the edge is taken. In the shape of a React Flow edge.
 * The length of the id is not limited, because Langflow writes ids of 300 characters and more.
 */
export const WorkflowEdge = z
  .looseObject({
    id: orNull(z.string()),
    source: NodeId,
    target: NodeId,
    on: orNull(EdgeOutcome).meta({
      description:
        'The outcome of the source that the edge follows: success (default), error, or always. A taken edge with error handles the failure.',
    }),
    when: orNull(z.string().min(1).max(20_000)).meta({
      description:
        'A JSONata expression over { input, nodes, execution } that gives true or false. The edge is taken only if it gives true.',
    }),
    otherwise: orNull(z.boolean()).meta({
      description: "true: the edge is taken if none of the source's edges with `when` is taken.",
    }),
  })
  .meta({ id: 'WorkflowEdge' });
export type WorkflowEdge = z.infer<typeof WorkflowEdge>;

/**
 * The highest values that `MAX_WORKFLOW_NODES` and `MAX_WORKFLOW_EDGES` can have. Longer lists are refused before their
 * items are checked.
 */
export const MAX_NODES = 5_000;
export const MAX_EDGES = 10_000;

/** A directed acyclic graph of nodes. */
export const Workflow = z
  .looseObject({
    nodes: z.array(WorkflowNode).min(1, 'a workflow needs at least one node').max(MAX_NODES),
    edges: orDefault(z.array(WorkflowEdge).max(MAX_EDGES), () => []),
  })
  .meta({ id: 'Workflow' });
export type Workflow = z.infer<typeof Workflow>;

/** The nodes and edges of a workflow, enough to draw it. Configs are left out because they may hold secrets. */
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
    edges: z.array(
      z.object({
        id: z.string().optional(),
        source: NodeId,
        target: NodeId,
        on: EdgeOutcome.optional(),
        isConditional: z.boolean().optional().meta({ description: 'true: the edge has `when`.' }),
        otherwise: z.boolean().optional(),
      }),
    ),
  })
  .meta({ id: 'WorkflowOutline' });
export type WorkflowOutline = z.infer<typeof WorkflowOutline>;

/** Returns the name of an edge in `execution:branch`: its id, else `edges[i]`. */
export const edgeName = (edge: { id?: string | undefined }, index: number): string =>
  edge.id ?? `edges[${index}]`;

/** Whether anything but the success of its source decides an edge. */
export const isBranchEdge = ({ on, when, otherwise }: WorkflowEdge): boolean =>
  (on !== undefined && on !== 'success') || when !== undefined || otherwise === true;

/** Returns the outline of a workflow. */
export const outlineOf = ({ nodes, edges }: Workflow): WorkflowOutline => ({
  nodes: nodes.map(({ id, type, position, data: { label } }) => ({
    id,
    type,
    ...(label !== undefined && { label }),
    ...(position && { position: { x: position.x, y: position.y } }),
  })),
  edges: edges.map(({ id, source, target, on, when, otherwise }) => ({
    ...(id !== undefined && { id }),
    source,
    target,
    ...(on !== undefined && { on }),
    ...(when !== undefined && { isConditional: true }),
    ...(otherwise === true && { otherwise }),
  })),
});

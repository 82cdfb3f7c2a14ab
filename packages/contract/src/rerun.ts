import { z } from 'zod';
import { ExecutionOptions } from './execution.js';
import { Json } from './json.js';
import { orNull } from './or-null.js';
import { MAX_NODES, NodeId, Workflow } from './workflow.js';

/** Body of `POST /api/executions/:executionId/rerun`. Without a body: from the failed nodes. */
export const RerunExecution = z
  .strictObject({
    from: orNull(
      z.union([z.literal('failed'), z.array(NodeId).min(1, 'must name at least one node').max(MAX_NODES)], {
        error: 'must be "failed" or a list of node ids',
      }),
    ).meta({
      description:
        'Where the new execution begins: at these nodes and all that they lead to, or at the nodes that failed or were cut off (failed, the default).',
    }),
    input: Json.optional().meta({ description: 'Replaces the input. Without it, the input is the same.' }),
    workflow: orNull(Workflow).meta({ description: 'Replaces the workflow.' }),
    options: orNull(ExecutionOptions).meta({ description: 'Replaces the options.' }),
  })
  .default({})
  .meta({ id: 'RerunExecution' });
export type RerunExecution = z.infer<typeof RerunExecution>;
export type RerunExecutionInput = z.input<typeof RerunExecution>;

import { z } from 'zod';
import { ExecutionOptions, ProjectId, Tag, Warning } from './execution.js';
import { PlainText, Timestamp } from './json.js';
import { orDefault, orNull } from './or-null.js';
import { Workflow } from './workflow.js';
import { AliasName, WorkflowName, WorkflowVersionNumber } from './workflow-ref.js';

/** Body of `PUT /api/workflows/:projectId/:name`. */
export const SaveWorkflow = z
  .strictObject({
    workflow: Workflow,
    inputSchema: orNull(z.record(z.string(), z.unknown())).meta({
      description: 'JSON Schema of the input of executions. Without it, any input is accepted.',
    }),
    options: orNull(ExecutionOptions).meta({
      description: 'Options of executions that give none of their own.',
    }),
    description: orNull(PlainText.max(2_000)),
    tags: orDefault(z.array(Tag).max(20), () => []).meta({
      description: 'Tags of the workflow. Executions get them in addition to their own.',
    }),
  })
  .meta({ id: 'SaveWorkflow' });
export type SaveWorkflow = z.infer<typeof SaveWorkflow>;
export type SaveWorkflowInput = z.input<typeof SaveWorkflow>;

/** An item of the list of saved workflows, and of the history of one. */
export const SavedWorkflowSummary = z
  .object({
    projectId: ProjectId,
    name: WorkflowName,
    version: WorkflowVersionNumber,
    description: z.string().nullable(),
    tags: z.array(Tag),
    aliases: z.record(AliasName, WorkflowVersionNumber).meta({ description: 'The version of each alias.' }),
    nodes: z.int().min(1).meta({ description: 'Number of nodes.' }),
    hasInputSchema: z.boolean(),
    createdAt: Timestamp.meta({ description: 'When this version was saved.' }),
    createdBy: z.string().meta({ description: 'Id of the principal that saved this version.' }),
  })
  .meta({ id: 'SavedWorkflowSummary' });
export type SavedWorkflowSummary = z.infer<typeof SavedWorkflowSummary>;

/** One version of a saved workflow. */
export const SavedWorkflow = SavedWorkflowSummary.extend({
  workflow: Workflow,
  inputSchema: z.record(z.string(), z.unknown()).nullable(),
  options: ExecutionOptions,
  warnings: z.array(Warning).optional().meta({
    description: 'What its author should know. Only in the answer to the request that saves it.',
  }),
}).meta({ id: 'SavedWorkflow' });
export type SavedWorkflow = z.infer<typeof SavedWorkflow>;

export const ListWorkflows = z
  .strictObject({
    projectId: ProjectId.optional(),
    tag: Tag.optional(),
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(400).optional(),
  })
  .meta({ id: 'ListWorkflows' });
export type ListWorkflows = z.infer<typeof ListWorkflows>;

export const SavedWorkflowPage = z
  .object({ workflows: z.array(SavedWorkflowSummary), nextCursor: z.string().nullable() })
  .meta({ id: 'SavedWorkflowPage' });
export type SavedWorkflowPage = z.infer<typeof SavedWorkflowPage>;

export const GetWorkflow = z
  .strictObject({
    version: z
      .string()
      .max(64)
      .regex(/^(?:[1-9][0-9]{0,9}|[A-Za-z][A-Za-z0-9._-]*)$/, 'must be the number of a version or an alias')
      .optional()
      .meta({ description: 'The number of a version, or an alias. Default: the newest version.' }),
  })
  .meta({ id: 'GetWorkflow' });
export type GetWorkflow = z.infer<typeof GetWorkflow>;

export const ListWorkflowVersions = z
  .strictObject({
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(20).optional(),
  })
  .meta({ id: 'ListWorkflowVersions' });
export type ListWorkflowVersions = z.infer<typeof ListWorkflowVersions>;

export const WorkflowVersionPage = z
  .object({
    versions: z.array(SavedWorkflowSummary).meta({ description: 'Newest first.' }),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'WorkflowVersionPage' });
export type WorkflowVersionPage = z.infer<typeof WorkflowVersionPage>;

const VersionNumber = z.coerce
  .number({ error: 'must be the number of a version, such as 3' })
  .int()
  .min(1)
  .max(2_147_483_647);

export const DiffWorkflow = z
  .strictObject({
    from: VersionNumber,
    to: VersionNumber,
  })
  .meta({ id: 'DiffWorkflow' });
export type DiffWorkflow = z.infer<typeof DiffWorkflow>;

/** One difference between two versions. Nodes and edges are compared by id, not by their position in the list. */
export const WorkflowChange = z
  .object({
    op: z.enum(['add', 'remove', 'replace']),
    path: z.string().meta({
      description: 'A JSON pointer (RFC 6901) in which a node or an edge is named by its id.',
      examples: ['/workflow/nodes/verdict/data/config/prompt'],
    }),
    from: z.unknown().optional().meta({ description: 'The value before. Only of remove and replace.' }),
    to: z.unknown().optional().meta({ description: 'The value after. Only of add and replace.' }),
  })
  .meta({ id: 'WorkflowChange' });
export type WorkflowChange = z.infer<typeof WorkflowChange>;

export const WorkflowDiff = z
  .object({
    from: WorkflowVersionNumber,
    to: WorkflowVersionNumber,
    changes: z.array(WorkflowChange),
    isComplete: z.boolean().meta({ description: 'false: there are more changes than the answer lists.' }),
  })
  .meta({ id: 'WorkflowDiff' });
export type WorkflowDiff = z.infer<typeof WorkflowDiff>;

/** Body of `PUT /api/workflows/:projectId/:name/aliases/:alias`. */
export const SetAlias = z.strictObject({ version: WorkflowVersionNumber }).meta({ id: 'SetAlias' });
export type SetAlias = z.infer<typeof SetAlias>;

export const WorkflowAlias = z
  .object({ name: AliasName, version: WorkflowVersionNumber })
  .meta({ id: 'WorkflowAlias' });
export type WorkflowAlias = z.infer<typeof WorkflowAlias>;

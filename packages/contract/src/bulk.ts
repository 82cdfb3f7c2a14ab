import { z } from 'zod';
import {
  Execution,
  ExecutionId,
  ExecutionStatus,
  ProjectId,
  StartExecution,
  Tag,
  Warning,
  WorkflowRefOfList,
} from './execution.js';
import { OpenStream } from './events.js';
import { PlainText, Timestamp } from './json.js';
import { orNull } from './or-null.js';
import { Problem } from './problem.js';
import { WorkflowOutline } from './workflow.js';

/** Executions that one request may start. */
export const MAX_BATCH = 1_000;

/** Body of `POST /api/executions/batch`. Each item is checked alone, so a wrong one does not stop the others. */
export const StartBatch = z
  .strictObject({
    executions: z
      .array(z.unknown())
      .min(1, 'must have at least one execution')
      .max(MAX_BATCH, `may have at most ${MAX_BATCH} executions`)
      .meta({ description: 'Bodies of POST /api/executions, each with an optional idempotencyKey.' }),
  })
  .meta({ id: 'StartBatch' });
export type StartBatch = z.infer<typeof StartBatch>;
export type StartBatchInput = {
  executions: (z.input<typeof StartExecution> & { idempotencyKey?: string })[];
};

/** Query of `POST /api/executions`. */
export const StartQuery = OpenStream.pick({ types: true, lastEventId: true }).meta({ id: 'StartQuery' });
export type StartQuery = z.infer<typeof StartQuery>;

export const BatchResult = z
  .object({
    index: z.int().min(0),
    status: z.int().meta({ description: 'The status that a request of its own would have got.' }),
    execution: Execution.optional(),
    replayed: z
      .boolean()
      .optional()
      .meta({ description: 'true: an earlier request with this key started it.' }),
    problem: Problem.optional(),
  })
  .meta({ id: 'BatchResult' });
export type BatchResult = z.infer<typeof BatchResult>;

export const BatchResults = z
  .object({ started: z.int().min(0), failed: z.int().min(0), results: z.array(BatchResult) })
  .meta({ id: 'BatchResults' });
export type BatchResults = z.infer<typeof BatchResults>;

/** Answer of `POST /api/executions/validate`. */
export const ValidatedExecution = z
  .object({
    valid: z.boolean(),
    problems: z.array(z.object({ path: z.string(), message: z.string(), code: z.string() })),
    warnings: z.array(Warning),
    graph: WorkflowOutline.optional().meta({ description: 'Left out if the body has no readable workflow.' }),
  })
  .meta({ id: 'ValidatedExecution' });
export type ValidatedExecution = z.infer<typeof ValidatedExecution>;

/** Answer of `DELETE /api/executions/:executionId`. */
export const DeletedExecution = z
  .object({
    deleted: z.int().min(1).meta({ description: 'The execution and those below it.' }),
    reruns: z.array(ExecutionId).meta({
      description:
        'Re-runs of these executions. They hold copies of outputs, and are not deleted. At most 100.',
    }),
  })
  .meta({ id: 'DeletedExecution' });
export type DeletedExecution = z.infer<typeof DeletedExecution>;

/** Selects the executions of a bulk operation. Child executions follow their roots. */
export const OperationFilter = z
  .strictObject({
    projectId: ProjectId,
    status: orNull(z.array(ExecutionStatus).min(1).max(7)),
    tag: orNull(Tag),
    workflow: orNull(WorkflowRefOfList).meta({ description: 'A name, or name@version.' }),
    createdAfter: orNull(Timestamp),
    createdBefore: orNull(Timestamp),
    executionIds: orNull(z.array(ExecutionId).min(1).max(1_000)),
  })
  .meta({ id: 'OperationFilter' });
export type OperationFilter = z.infer<typeof OperationFilter>;

/** Body of `POST /api/operations`. */
export const StartOperation = z
  .strictObject({
    action: z.enum(['cancel', 'rerun']),
    filter: OperationFilter,
    reason: orNull(PlainText.max(500)).meta({ description: 'Only of cancel.' }),
  })
  .meta({ id: 'StartOperation' });
export type StartOperation = z.infer<typeof StartOperation>;
export type StartOperationInput = z.input<typeof StartOperation>;

/** An action on many executions, which the server carries out in the background. */
export const Operation = z
  .object({
    id: z.uuid(),
    action: z.enum(['cancel', 'rerun']),
    filter: OperationFilter,
    status: z.enum(['running', 'completed']),
    total: z.int().min(0).meta({ description: 'Executions that the filter selected when it started.' }),
    succeeded: z.int().min(0),
    failed: z.int().min(0),
    failures: z
      .array(z.object({ executionId: ExecutionId, code: z.string(), message: z.string() }))
      .meta({ description: 'The first 100 failures.' }),
    createdAt: Timestamp,
    createdBy: z.string(),
    completedAt: Timestamp.nullable(),
  })
  .meta({ id: 'Operation' });
export type Operation = z.infer<typeof Operation>;

export const ListOperations = z
  .strictObject({
    projectId: ProjectId.optional(),
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.uuid().optional().meta({ description: 'nextCursor of the page before.' }),
  })
  .meta({ id: 'ListOperations' });
export type ListOperations = z.infer<typeof ListOperations>;

/** Operations, newest first. */
export const OperationPage = z
  .object({ operations: z.array(Operation), nextCursor: z.string().nullable() })
  .meta({ id: 'OperationPage' });
export type OperationPage = z.infer<typeof OperationPage>;

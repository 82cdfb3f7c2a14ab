import { z } from 'zod';
import type { FailureCode } from './failure-codes.js';
import { Json, PlainText, Timestamp } from './json.js';
import { NAME, NAME_MAX_LENGTH, TAG_MAX_LENGTH } from './patterns.js';
import { orDefault, orNull } from './or-null.js';
import { OpenWait } from './waits.js';
import { NodeId, Workflow } from './workflow.js';
import { WorkflowRef, WorkflowVersionRef } from './workflow-ref.js';

export const ExecutionId = z
  .uuid()
  .meta({ description: 'UUID, version 7.', examples: ['0199c0de-0000-7000-8000-000000000001'] });

/** Identifies a project. Executions, keys and quotas belong to a project. */
export const ProjectId = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME, 'a project id may contain letters, digits and . _ : - and must start with a letter or digit')
  .meta({ examples: ['demo'] });

export const ExecutionStatus = z
  .enum(['queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled'])
  .meta({
    id: 'ExecutionStatus',
    description:
      'waiting: no step runs, and at least one wait is open (a person, a signal, a timer or child executions).',
  });
export type ExecutionStatus = z.infer<typeof ExecutionStatus>;

export const TERMINAL_STATUSES = ['completed', 'failed', 'cancelled'] as const satisfies ExecutionStatus[];

/** Whether an execution with this status has ended and can no longer change. */
export const isTerminal = (status: ExecutionStatus): boolean =>
  (TERMINAL_STATUSES as readonly string[]).includes(status);

/** `FailureCode` for completion in editors, and any other string: modules may have codes of their own. */
export const OpenFailureCode = z.string() as z.ZodType<FailureCode | (string & {}), string>;

export const TokenUsage = z
  .object({ input: z.int().min(0), output: z.int().min(0), total: z.int().min(0) })
  .meta({ id: 'TokenUsage', description: 'Running totals of tokens.' });
export type TokenUsage = z.infer<typeof TokenUsage>;

/** The tokens of one call of a model, as the provider reported them. */
export const CallUsage = z
  .object({
    input: z.int().min(0).meta({ description: 'All tokens of the prompt, cached ones included.' }),
    output: z.int().min(0).meta({ description: 'All tokens of the answer, reasoning included.' }),
    cached: z
      .object({ read: z.int().min(0), written: z.int().min(0) })
      .optional()
      .meta({
        description: 'Those of `input` that were read from the cache of the provider, or written to it.',
      }),
    reasoning: z.int().min(0).optional().meta({ description: 'Those of `output` that are reasoning.' }),
    finishReason: z.string().optional().meta({
      description:
        'Why the model stopped: stop, length, content-filter, tool-calls, error, interrupted or other.',
    }),
    incomplete: z.boolean().optional().meta({
      description: 'true: the answer is not whole. It was cut off by a limit, a filter, a break or a cancel.',
    }),
  })
  .meta({ id: 'CallUsage' });
export type CallUsage = z.infer<typeof CallUsage>;

export const StepStatus = z
  .enum(['running', 'waiting', 'completed', 'failed', 'retrying', 'cancelled', 'skipped'])
  .meta({
    id: 'StepStatus',
    description:
      'cancelled: the execution ended while the step was running. skipped: the branch of its node was not taken.',
  });
export type StepStatus = z.infer<typeof StepStatus>;

/** Fields that only steps with a model have. */
export const AGENT_STEP_FIELDS = {
  continues: z.string().optional().meta({
    description:
      'Id of the step whose work this step continues. What that step has kept is part of the answer.',
  }),
  keptThrough: z.int().min(1).optional().meta({
    description:
      'Of a step that ends as retrying: its events up to this sequence stay valid, and a later step continues them. Without it, none do.',
  }),
  finishReason: z.string().optional().meta({ description: 'Why the model stopped, in its last answer.' }),
  incomplete: z.boolean().optional().meta({
    description:
      'true: the last answer of the model is not whole, or the process stopped in the middle of one, and its tokens may not be counted.',
  }),
};

/** One attempt to run one node. */
export const Step = z
  .object({
    stepId: z.string(),
    step: z.string().meta({ description: "The node's name." }),
    nodeId: NodeId,
    nodeType: z.string(),
    status: StepStatus,
    attempt: z.int().min(1),
    startedAt: Timestamp,
    completedAt: Timestamp.optional(),
    duration: z.number().min(0).optional().meta({ description: 'ms' }),
    output: Json.optional(),
    error: z.string().optional(),
    code: OpenFailureCode.optional().meta({ description: 'The code of the error.' }),
    reusedFrom: ExecutionId.optional().meta({
      description: 'The execution from which a re-run copied the output, at no cost.',
    }),
    ...AGENT_STEP_FIELDS,
  })
  .meta({ id: 'Step' });
export type Step = z.infer<typeof Step>;

export const ExecutionOptions = z
  .strictObject({
    timeoutMs: orNull(z.int().min(1).max(86_400_000)).meta({
      description:
        'Time limit of the whole execution, in ms. Pauses do not count, and neither do waits, except for child executions.',
    }),
    maxRetries: orNull(z.int().min(0).max(10)).meta({
      description: 'Retries of a node after a transient error. Default 2.',
    }),
    limits: orNull(
      z.strictObject({
        maxTokens: orNull(z.int().min(1)),
        maxCostUSD: orNull(z.number().positive()),
      }),
    ),
  })
  .meta({ id: 'ExecutionOptions' });
export type ExecutionOptions = z.infer<typeof ExecutionOptions>;

export const Tag = PlainText.min(1).max(TAG_MAX_LENGTH);

const ONE_WORKFLOW = {
  path: ['workflow'],
  error: 'give either workflow, a graph, or workflowRef, the name of a saved workflow',
};

export const StartExecution = z
  .strictObject({
    projectId: ProjectId,
    input: Json.default(null).meta({ description: 'Any JSON value. Default null.' }),
    workflow: orNull(Workflow).meta({ description: 'The graph to run. Give this or workflowRef.' }),
    workflowRef: orNull(WorkflowRef).meta({
      description: 'A saved workflow: name for its newest version, name@3, or name@production.',
    }),
    options: orNull(ExecutionOptions),
    tags: orDefault(z.array(Tag).max(20), () => []),
    startAt: orNull(Timestamp).meta({
      description: 'When the execution may begin. Until then it is queued. Default: immediately.',
    }),
  })
  .refine(
    ({ workflow, workflowRef }) => (workflow === undefined) !== (workflowRef === undefined),
    ONE_WORKFLOW,
  )
  .meta({ id: 'StartExecution' });
export type StartExecution = z.infer<typeof StartExecution>;
/** The request as a caller writes it: fields with a default are optional. */
export type StartExecutionInput = z.input<typeof StartExecution>;

export const ExecutionFailure = z
  .object({
    message: z.string().meta({ description: 'A sentence for people.' }),
    code: OpenFailureCode.meta({ description: 'A stable code for programs.' }),
    nodeId: NodeId.optional(),
  })
  .meta({ id: 'ExecutionFailure' });
export type ExecutionFailure = z.infer<typeof ExecutionFailure>;

/** Where an execution stands in its tree. Only child executions have a parent. */
export const ExecutionParent = z
  .object({
    executionId: ExecutionId,
    nodeId: NodeId,
    index: z
      .int()
      .min(0)
      .meta({ description: 'Index of the item (map) or of the turn (loop); 0 for workflow.' }),
  })
  .meta({ id: 'ExecutionParent' });
export type ExecutionParent = z.infer<typeof ExecutionParent>;

/** Something about a request that is accepted and probably not meant so. */
export const Warning = z
  .object({ path: z.string(), message: z.string(), code: z.string() })
  .meta({ id: 'Warning' });
export type Warning = z.infer<typeof Warning>;

/** One run of a workflow on one input. */
export const Execution = z
  .object({
    id: ExecutionId,
    projectId: ProjectId,
    status: ExecutionStatus,
    input: Json,
    output: Json.optional().meta({
      description: "The last node's output. With several last nodes, an object of outputs by node id.",
    }),
    error: ExecutionFailure.optional(),
    steps: z.array(Step),
    tokenUsage: TokenUsage,
    costUSD: z
      .number()
      .min(0)
      .nullable()
      .meta({ description: 'null when the price of a used model is unknown.' }),
    createdAt: Timestamp,
    startedAt: Timestamp.optional(),
    completedAt: Timestamp.optional(),
    duration: z.number().min(0).optional().meta({ description: 'ms from startedAt to completedAt.' }),
    lastSequence: z.int().min(0),
    tags: z.array(Tag),
    waits: z.array(OpenWait).optional().meta({ description: 'The open waits. Left out if there are none.' }),
    parent: ExecutionParent.optional().meta({ description: 'Only of a child execution.' }),
    rootId: ExecutionId.optional().meta({
      description: 'The execution at the top of the tree. Only of a child execution.',
    }),
    rerunOf: ExecutionId.optional().meta({ description: 'The execution that this one runs again.' }),
    workflow: WorkflowVersionRef.optional().meta({ description: 'The saved workflow that it runs.' }),
    startAt: Timestamp.optional().meta({ description: 'When it may begin, if it was started for later.' }),
    warnings: z.array(Warning).optional().meta({
      description: 'What its author should know. Only in the answer to the request that starts it.',
    }),
  })
  .meta({ id: 'Execution' });
export type Execution = z.infer<typeof Execution>;

/** How many nodes of its workflow an execution has completed. */
export const ExecutionProgress = z
  .object({
    completedSteps: z.int().min(0).meta({
      description:
        'Nodes that are done: completed, skipped, or failed with the failure handled. Several attempts of a node count once.',
    }),
    totalSteps: z.int().min(0).meta({ description: 'Nodes in the workflow.' }),
    percent: z.number().min(0).max(100),
  })
  .meta({ id: 'ExecutionProgress' });
export type ExecutionProgress = z.infer<typeof ExecutionProgress>;

/** An item of a list. It stays small, however large inputs and outputs are. */
export const ExecutionSummary = Execution.omit({
  input: true,
  output: true,
  steps: true,
  waits: true,
  warnings: true,
})
  .extend({
    inputPreview: z.string().meta({
      description:
        'The beginning of the input on one line, up to 200 characters. A value that is not a string is shown as JSON. Empty for null.',
    }),
    error: ExecutionFailure.optional().meta({ description: 'The message is cut at 500 characters.' }),
    progress: ExecutionProgress,
  })
  .meta({ id: 'ExecutionSummary' });
export type ExecutionSummary = z.infer<typeof ExecutionSummary>;

const limit = (max: number, fallback: number) => z.coerce.number().int().min(1).max(max).default(fallback);
const statuses = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((status) => status.trim())
      .filter(Boolean),
  )
  .pipe(z.array(ExecutionStatus).min(1));

/** `name` or `name@version`. An alias can move, so it is not accepted. */
export const WorkflowRefOfList = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}(?:@[1-9][0-9]{0,9})?$/,
    'must be the name of a saved workflow, alone or with the number of a version: name or name@3',
  );

export const ListExecutions = z
  .strictObject({
    projectId: ProjectId.optional(),
    status: statuses.optional().meta({ description: 'One status or several, comma-separated.' }),
    tag: Tag.optional(),
    parentId: ExecutionId.optional().meta({ description: 'Only the child executions of this execution.' }),
    rootId: ExecutionId.optional().meta({
      description: 'Only the executions below this one, at any depth.',
    }),
    rerunOf: ExecutionId.optional().meta({ description: 'Only the re-runs of this execution.' }),
    workflow: WorkflowRefOfList.optional().meta({
      description: 'Only executions of this saved workflow: its name, or name@version.',
    }),
    createdAfter: Timestamp.optional().meta({
      description: 'Only executions created at this time or later.',
    }),
    createdBefore: Timestamp.optional().meta({ description: 'Only executions created before this time.' }),
    children: z
      .enum(['true', 'false'])
      .optional()
      .meta({ description: 'true: child executions as well. By default a list shows none.' }),
    limit: limit(100, 20),
    cursor: z.string().max(200).optional(),
  })
  .meta({ id: 'ListExecutions' });
export type ListExecutions = z.infer<typeof ListExecutions>;

export const ExecutionPage = z
  .object({ executions: z.array(ExecutionSummary), nextCursor: z.string().nullable() })
  .meta({ id: 'ExecutionPage' });
export type ExecutionPage = z.infer<typeof ExecutionPage>;

/** Body of pause, resume and cancel. Optional. */
export const ControlExecution = z
  .strictObject({ reason: orNull(PlainText.max(500)) })
  .default({})
  .meta({ id: 'ControlExecution' });
export type ControlExecution = z.infer<typeof ControlExecution>;

/** Answers a waiting `approval` node. `nodeId` is optional when exactly one node is waiting. */
export const ApproveExecution = z
  .strictObject({
    nodeId: orNull(NodeId),
    approved: z.boolean().default(true).meta({ description: 'Default true.' }),
    comment: orNull(PlainText.max(2000)),
  })
  .meta({ id: 'ApproveExecution' });
export type ApproveExecution = z.infer<typeof ApproveExecution>;

import { z } from 'zod';
import {
  AGENT_STEP_FIELDS,
  CallUsage,
  Execution,
  ExecutionId,
  ExecutionProgress,
  ExecutionStatus,
  OpenFailureCode,
  ProjectId,
  StepStatus,
  TokenUsage,
} from './execution.js';
import { Json, Timestamp } from './json.js';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';
import { WAIT_FIELDS, WaitKind, WaitOutcome } from './waits.js';
import { NodeId } from './workflow.js';

const chunk = { chunk: z.string(), stepId: z.string(), nodeId: NodeId };
/** Name of an event that a module's node defines. */
export const CustomEventName = z
  .string()
  .max(NAME_MAX_LENGTH, `may have at most ${NAME_MAX_LENGTH} characters`)
  .regex(NAME, 'may contain letters, digits and . _ : - and must start with a letter or digit');
const control = { reason: z.string().optional(), by: z.string().optional() };

/** The own fields of each event type. Every event also has `executionId` and `timestamp`. */
export const EVENT_FIELDS = {
  'execution:started': z.object({ projectId: ProjectId, attempt: z.int().min(1) }),
  'execution:progress': ExecutionProgress,
  'execution:step': z.object({
    step: z.string(),
    stepId: z.string(),
    nodeId: NodeId,
    nodeType: z.string(),
    status: StepStatus,
    attempt: z.int().min(1),
    duration: z.number().optional().meta({ description: 'ms' }),
    output: Json.optional(),
    error: z.string().optional(),
    code: OpenFailureCode.optional().meta({ description: 'The code of the error.' }),
    reusedFrom: ExecutionId.optional(),
    ...AGENT_STEP_FIELDS,
  }),
  'execution:branch': z
    .object({
      nodeId: NodeId,
      stepId: z.string(),
      taken: z.array(z.string()),
      notTaken: z.array(z.string()),
    })
    .meta({
      description: 'Which edges of a node are taken. An edge is named by its id, else by `edges[i]`.',
    }),
  'execution:waiting': z.object(WAIT_FIELDS),
  'execution:wait-ended': z.object({
    waitId: z.string(),
    nodeId: NodeId,
    stepId: z.string(),
    kind: WaitKind,
    outcome: WaitOutcome,
    by: z.string().optional().meta({ description: 'The principal that answered or sent the signal.' }),
  }),
  'execution:output': z.object(chunk),
  'execution:thinking': z.object(chunk),
  'execution:tool-call': z.object({
    toolId: z.string(),
    toolName: z.string(),
    toolArgs: Json,
    stepId: z.string(),
    nodeId: NodeId,
  }),
  'execution:tool-result': z.object({
    toolId: z.string(),
    result: Json,
    isError: z.boolean(),
    toolArgs: Json.optional().meta({
      description: 'The arguments, if a person has changed those of the call.',
    }),
    stepId: z.string(),
    nodeId: NodeId,
  }),
  'execution:custom': z
    .object({ name: CustomEventName, value: Json, stepId: z.string(), nodeId: NodeId })
    .meta({ description: "An event of a module's own node. The module defines what name and value mean." }),
  'execution:token-usage': z.object({
    usage: TokenUsage,
    nodeId: NodeId,
    model: z.string(),
    call: CallUsage.optional().meta({
      description: 'This call of the model; `usage` is the running total. Not of tokens of child executions.',
    }),
    ofChildren: z.boolean().optional().meta({
      description: 'true: child executions of the node used the tokens; their own events have each call.',
    }),
  }),
  'execution:cost-update': z.object({
    totalCostUSD: z.number().nullable(),
    modelUsage: z.record(
      z.string(),
      z.object({ input: z.int(), output: z.int(), costUSD: z.number().nullable() }),
    ),
    ofChildren: z.boolean().optional(),
  }),
  'execution:retry': z.object({ nodeId: NodeId, attempt: z.int(), delayMs: z.number(), error: z.string() }),
  'execution:paused': z.object(control),
  'execution:resumed': z.object(control),
  'execution:cancelled': z.object(control),
  'execution:completed': z.object({ result: Execution }),
  'execution:failed': z.object({ error: z.string(), code: OpenFailureCode, nodeId: NodeId.optional() }),
} as const;

export type EventType = keyof typeof EVENT_FIELDS;
export const EVENT_TYPES = Object.keys(EVENT_FIELDS) as [EventType, ...EventType[]];
export const EventType = z.enum(EVENT_TYPES).meta({ id: 'EventType' });
export type EventFields = { [T in EventType]: z.infer<(typeof EVENT_FIELDS)[T]> };

/** An event that a node or the engine emits, before the journal gives it a sequence. */
export type EventDraft = { [T in EventType]: { type: T; fields: EventFields[T] } }[EventType];

/** A recorded event: `data` of its frame, and an item of `EventPage`. `(executionId, sequence)` identifies it. */
export type ExecutionEvent = {
  [T in EventType]: { type: T; sequence: number; executionId: string; timestamp: string } & EventFields[T];
}[EventType];
/** A recorded event of one type, or of one of several types: `ExecutionEventOf<'execution:failed'>`. */
export type ExecutionEventOf<T extends EventType> = Extract<ExecutionEvent, { type: T }>;

export const TERMINAL_EVENT_TYPES = [
  'execution:completed',
  'execution:failed',
  'execution:cancelled',
] as const satisfies EventType[];
/** Whether this event type ends an execution: no event follows it. */
export const isTerminalEvent = (type: string): boolean =>
  (TERMINAL_EVENT_TYPES as readonly string[]).includes(type);

/** Type of the first frame of every stream. */
const ESTABLISHED = 'connection:established';

/** `data` of the first frame on a stream of one execution. The frame has no id, so it does not change `Last-Event-ID`. */
export const ConnectionEstablished = z
  .object({
    type: z.literal(ESTABLISHED),
    sequence: z.int().min(0).meta({
      description: 'The stream sends the events after this sequence. 0: from the first event.',
    }),
    executionId: ExecutionId,
    timestamp: Timestamp,
    message: z.string(),
    status: ExecutionStatus,
    lastSequence: z.int().min(0).meta({ description: 'The newest sequence in the journal.' }),
  })
  .meta({ id: 'ConnectionEstablished' });
export type ConnectionEstablished = z.infer<typeof ConnectionEstablished>;

/** Names the schema of an event in the OpenAPI document: `ExecutionToolCallEvent` for `execution:tool-call`. */
const eventSchemaName = (type: EventType): string =>
  `${type.replaceAll(/(?:^|[^a-z]+)([a-z])/g, (_match, letter: string) => letter.toUpperCase())}Event`;

/** `data` of the first frame on a stream of many executions. The frame's id is the cursor. */
export const ExecutionsConnectionEstablished = z
  .object({
    type: z.literal(ESTABLISHED),
    sequence: z.literal(0).meta({ description: 'Always 0. The position of the stream is its cursor.' }),
    timestamp: Timestamp,
    message: z.string(),
    executions: z.int().min(0).meta({ description: 'Number of executions in the stream so far.' }),
    cursor: z.string().meta({
      description: 'The stream resumes here if the connection breaks before the first event.',
    }),
  })
  .meta({ id: 'ExecutionsConnectionEstablished' });
export type ExecutionsConnectionEstablished = z.infer<typeof ExecutionsConnectionEstablished>;

const recorded = { sequence: z.int().min(1), executionId: ExecutionId, timestamp: Timestamp };
const eventSchemas = EVENT_TYPES.map((type) =>
  z
    .object({ type: z.literal(type), ...recorded, ...EVENT_FIELDS[type].shape })
    .meta({ id: eventSchemaName(type) }),
);
const anyEvent = z
  .discriminatedUnion('type', eventSchemas as [(typeof eventSchemas)[number], ...typeof eventSchemas])
  .meta({ id: 'ExecutionEvent' });
/** One recorded event of any type: `data` of its frame, and an item of `EventPage`. */
export const ExecutionEventSchema = anyEvent as unknown as z.ZodType<ExecutionEvent>;

/** `data` of any frame on a stream of one execution. */
export const StreamData = z
  .discriminatedUnion('type', [ConnectionEstablished, anyEvent])
  .meta({ id: 'StreamData' }) as unknown as z.ZodType<StreamData>;
export type StreamData = ConnectionEstablished | ExecutionEvent;

/** `data` of any frame on a stream of many executions. */
export const ExecutionsStreamData = z
  .discriminatedUnion('type', [ExecutionsConnectionEstablished, anyEvent])
  .meta({ id: 'ExecutionsStreamData' }) as unknown as z.ZodType<ExecutionsStreamData>;
export type ExecutionsStreamData = ExecutionsConnectionEstablished | ExecutionEvent;

const types = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((type) => type.trim())
      .filter(Boolean),
  )
  .pipe(z.array(EventType).min(1))
  .optional()
  .meta({
    description:
      'Event types, comma-separated. Only these are sent. The stream still ends when the execution ends.',
    examples: ['execution:output,execution:step'],
  });

export const ReadEvents = z
  .strictObject({
    after: z.coerce.number().int().min(0).max(2_147_483_647).default(0),
    types,
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  })
  .meta({ id: 'ReadEvents' });
export type ReadEvents = z.infer<typeof ReadEvents>;

export const EventPage = z
  .object({
    events: z.array(ExecutionEventSchema),
    nextAfter: z.int().nullable().meta({
      description: 'Send this as `after` to get the next page. null when there are no more events yet.',
    }),
    lastSequence: z.int().min(0),
  })
  .meta({ id: 'EventPage' });
export interface EventPage<T extends EventType = EventType> {
  events: ExecutionEventOf<T>[];
  nextAfter: number | null;
  lastSequence: number;
}

export const OpenStream = z
  .strictObject({
    lastEventId: z.string().optional().meta({
      description:
        'Id of the last event received; the stream resumes after it. The header Last-Event-ID wins.',
    }),
    types,
    format: z.string().max(64).optional().meta({
      description:
        'The protocol of the frames, such as `ai-sdk`. Left out: the events of this server. Cannot be combined with `types`.',
    }),
    ticket: z.string().max(200).optional(),
  })
  .meta({ id: 'OpenStream' });
export type OpenStream = z.infer<typeof OpenStream>;

export const StreamTicket = z
  .object({
    ticket: z.string(),
    expiresAt: Timestamp,
    url: z.string().meta({ description: 'Path to pass to EventSource.' }),
  })
  .meta({ id: 'StreamTicket' });
export type StreamTicket = z.infer<typeof StreamTicket>;

import { z } from 'zod';
import {
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
    stepId: z.string(),
    nodeId: NodeId,
  }),
  'execution:custom': z
    .object({ name: CustomEventName, value: Json, stepId: z.string(), nodeId: NodeId })
    .meta({ description: "An event of a module's own node. The module defines what name and value mean." }),
  'execution:token-usage': z.object({ usage: TokenUsage, nodeId: NodeId, model: z.string() }),
  'execution:cost-update': z.object({
    totalCostUSD: z.number().nullable(),
    modelUsage: z.record(
      z.string(),
      z.object({ input: z.int(), output: z.int(), costUSD: z.number().nullable() }),
    ),
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

/** `data` of a frame: the event's own fields, plus `executionId` and `timestamp`. */
export type EventData<T extends EventType = EventType> = {
  executionId: string;
  timestamp: string;
} & EventFields[T];

/** A recorded event as clients get it. `(executionId, sequence)` identifies it. */
export type ExecutionEvent = { [T in EventType]: { sequence: number; type: T } & EventData<T> }[EventType];
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

/** First frame of a stream of one execution. It has no id, so it does not change `Last-Event-ID`. */
export const ConnectionEstablished = z
  .object({
    executionId: ExecutionId,
    timestamp: Timestamp,
    message: z.string(),
    status: ExecutionStatus,
    lastSequence: z.int().min(0),
  })
  .meta({ id: 'ConnectionEstablished' });
export type ConnectionEstablished = z.infer<typeof ConnectionEstablished>;

const recorded = { sequence: z.int().min(1), executionId: ExecutionId, timestamp: Timestamp };
const eventSchemas = EVENT_TYPES.map((type) =>
  EVENT_FIELDS[type]
    .extend({ ...recorded, type: z.literal(type) })
    .meta({ id: `Event.${type.replace(':', '.')}` }),
);
/** One recorded event of any type. */
export const ExecutionEventSchema = z
  .discriminatedUnion('type', eventSchemas as [(typeof eventSchemas)[number], ...typeof eventSchemas])
  .meta({ id: 'ExecutionEvent' });

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
  .object({
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
export interface EventPage {
  events: ExecutionEvent[];
  nextAfter: number | null;
  lastSequence: number;
}

export const OpenStream = z
  .object({
    lastEventId: z.string().optional().meta({
      description:
        'Id of the last event received; the stream resumes after it. The header Last-Event-ID wins.',
    }),
    types,
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

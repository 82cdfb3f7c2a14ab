import { Json } from '@cloutagent/contract';
import { z } from 'zod';

// Requests of A2A. Members that are not known are ignored, as section 5.7 of the specification asks. In the JSON of protocol
// buffers, null means that a member is absent.

const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);
const Metadata = z.record(z.string(), Json);

const CONTENTS = ['text', 'raw', 'url', 'data'] as const;
const Part = z
  .object({
    text: optional(z.string()),
    raw: optional(z.base64()),
    url: optional(z.string().min(1)),
    data: Json.optional(),
    mediaType: optional(z.string().max(255)),
    filename: optional(z.string().max(255)),
    metadata: optional(Metadata),
  })
  .superRefine((part, context) => {
    const given = CONTENTS.filter((name) => part[name] !== undefined);
    // A member with null is absent, and so is the value null of `data` beside another member.
    const contents = given.length > 1 ? given.filter((name) => part[name] !== null) : given;
    if (contents.length !== 1)
      context.addIssue({ code: 'custom', message: 'must have exactly one of text, raw, url and data' });
  });

const MessageId = z.string().min(1).max(200);
/** Id of a context: one that this server has made, or one of the client's own. */
const ContextId = z
  .string()
  .max(200)
  .refine((id) => !id.includes('\0'), 'must not contain U+0000');

/** A message of a client. */
export const UserMessage = z.object({
  messageId: MessageId,
  contextId: optional(ContextId),
  taskId: optional(z.string().max(200)),
  role: z.literal('ROLE_USER', 'must be ROLE_USER'),
  parts: z.array(Part).min(1, 'must have at least one part').max(1_000),
  metadata: optional(Metadata),
  extensions: optional(z.array(z.string()).max(100)),
  referenceTaskIds: optional(z.array(z.string()).max(100)),
});
export type UserMessage = z.infer<typeof UserMessage>;

const HistoryLength = optional(z.coerce.number().int().min(0).max(2_147_483_647));

export const SendMessageRequest = z
  .object({
    message: UserMessage,
    configuration: optional(
      z.object({
        historyLength: HistoryLength,
        returnImmediately: optional(z.boolean()),
        taskPushNotificationConfig: z.unknown().optional(),
      }),
    ),
  })
  .meta({ id: 'A2aSendMessageRequest' });
export type SendMessageRequest = z.infer<typeof SendMessageRequest>;

const TaskId = z.string().min(1).max(200);
export const GetTaskRequest = z.object({ id: TaskId, historyLength: HistoryLength });
export type GetTaskRequest = z.infer<typeof GetTaskRequest>;

/** Names a task: to cancel it, or to subscribe to it. */
export const TaskRequest = z.object({ id: TaskId });

const STATES = [
  'TASK_STATE_UNSPECIFIED',
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_REJECTED',
  'TASK_STATE_AUTH_REQUIRED',
] as const;

/** true and false, also as a text in a query. */
const Flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

export const ListTasksRequest = z.object({
  contextId: optional(ContextId),
  status: optional(z.enum(STATES)),
  pageSize: optional(z.coerce.number().int().min(1).max(100)),
  pageToken: optional(z.string().max(500)),
  historyLength: HistoryLength,
  statusTimestampAfter: optional(z.iso.datetime({ offset: true })),
  includeArtifacts: optional(Flag),
});
export type ListTasksRequest = z.infer<typeof ListTasksRequest>;

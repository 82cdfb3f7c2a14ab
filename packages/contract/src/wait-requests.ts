import { z } from 'zod';
import { ExecutionId, ProjectId } from './execution.js';
import { Json, PlainText, Timestamp } from './json.js';
import { orNull } from './or-null.js';
import { OpenWait, SignalName, WaitKind, WaitOutcome } from './waits.js';

/** An item of the inbox. */
export const Wait = OpenWait.extend({ executionId: ExecutionId, projectId: ProjectId }).meta({ id: 'Wait' });
export type Wait = z.infer<typeof Wait>;

/** The kinds that the inbox shows by default: those that a person or another system ends. */
export const INBOX_KINDS = ['approval', 'signal', 'tool', 'failure'] as const satisfies WaitKind[];

const kinds = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((kind) => kind.trim())
      .filter(Boolean),
  )
  .pipe(z.array(WaitKind).min(1));

/** Query of `GET /api/waits`. */
export const ListWaits = z
  .strictObject({
    projectId: ProjectId.optional(),
    kind: kinds.optional().meta({
      description: `One kind or several, comma-separated. Default: ${INBOX_KINDS.join(',')}.`,
    }),
    assignee: z.string().min(1).max(256).optional().meta({
      description:
        'Only waits that this principal may answer: those that name it, and those that name no one.',
    }),
    executionId: ExecutionId.optional(),
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(200).optional(),
  })
  .meta({ id: 'ListWaits' });
export type ListWaits = z.infer<typeof ListWaits>;

export const WaitPage = z
  .object({
    waits: z.array(Wait),
    nextCursor: z.string().nullable().meta({
      description:
        'The `cursor` of the next page; null on the last page. With `assignee`, a page may have fewer waits than `limit` although another one follows.',
    }),
  })
  .meta({ id: 'WaitPage' });
export type WaitPage = z.infer<typeof WaitPage>;

const comment = orNull(PlainText.max(2000));

/** Body of `POST /api/waits/:waitId/answer`. Which fields are allowed depends on the kind of the wait. */
export const AnswerWait = z
  .strictObject({
    approved: orNull(z.boolean()).meta({ description: 'kind approval.' }),
    comment: comment.meta({ description: 'kind approval.' }),
    values: Json.optional().meta({ description: 'kind approval: the values of the form.' }),
    body: Json.optional().meta({ description: 'kind signal: the body of the signal.' }),
    action: orNull(z.enum(['approve', 'deny', 'retry', 'fail', 'output'])).meta({
      description: 'kind tool: approve or deny. kind failure: retry, fail or output.',
    }),
    args: Json.optional().meta({
      description: 'kind tool, action approve: the arguments to call the tool with.',
    }),
    reason: orNull(PlainText.max(2000)).meta({ description: 'kind tool or failure.' }),
    output: Json.optional().meta({ description: 'kind failure, action output: the output of the node.' }),
  })
  .meta({ id: 'AnswerWait' });
export type AnswerWait = z.infer<typeof AnswerWait>;

/** Answer to `POST /api/waits/:waitId/answer`. */
export const EndedWait = z
  .object({
    waitId: z.string(),
    executionId: ExecutionId,
    outcome: WaitOutcome,
    by: z.string().nullable().meta({ description: 'The principal that answered.' }),
    settledAt: Timestamp,
  })
  .meta({ id: 'EndedWait' });
export type EndedWait = z.infer<typeof EndedWait>;

/** Answer to `POST /api/executions/:executionId/signals/:name`. */
export const SentSignal = z
  .object({ id: z.string(), executionId: ExecutionId, name: SignalName, sentAt: Timestamp })
  .meta({ id: 'SentSignal' });
export type SentSignal = z.infer<typeof SentSignal>;

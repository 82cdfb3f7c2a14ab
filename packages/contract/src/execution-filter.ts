import { z } from 'zod';
import { OpenStream } from './events.js';
import { ExecutionStatus, ProjectId, Tag } from './execution.js';
import { Timestamp } from './json.js';

/** Longer than any that is taken: they are refused before their items are looked at. */
const MOST_ITEMS = 10_000;
const MOST_CHARACTERS = 400_000;

/** Several values: a list, or one string with commas, as queries have it. */
const several = <Item extends z.ZodType<string, string>>(item: Item) =>
  z
    .union([
      z.array(z.string()).max(MOST_ITEMS),
      z
        .string()
        .max(MOST_CHARACTERS)
        .transform((text) => text.split(',')),
    ])
    .transform((values) => [...new Set(values.map((value) => value.trim()).filter(Boolean))])
    .pipe(z.array(item).min(1));

const filter = {
  projectId: ProjectId.optional(),
  status: several(ExecutionStatus)
    .optional()
    .meta({ description: 'One status or several, comma-separated.' }),
  tag: Tag.optional(),
  executionIds: several(z.string().max(64))
    .transform((ids) => [...new Set(ids.map((id) => id.toLowerCase()))])
    .optional()
    .meta({ description: 'Just these executions, comma-separated; excludes projectId, status and tag.' }),
};

/** The executions of a stream: by filter, any part of which may be left out, or by name. */
export interface ExecutionFilter {
  projectId?: string | undefined;
  status?: ExecutionStatus[] | undefined;
  tag?: string | undefined;
  executionIds?: string[] | undefined;
}

const eitherOr = ({ executionIds, projectId, status, tag }: ExecutionFilter): boolean =>
  executionIds === undefined || (projectId === undefined && status === undefined && tag === undefined);
const EITHER_OR = {
  path: ['executionIds'],
  message: 'names the executions, so leave projectId, status and tag out',
};

/** Query of `GET /api/executions/stream`. */
export const OpenExecutionsStream = z
  .object({
    ...filter,
    types: OpenStream.shape.types,
    from: z.enum(['start', 'now']).default('start').meta({
      description:
        'now: executions there already go on from where their journal stands. Does not count with a cursor.',
    }),
    lastEventId: z
      .string()
      .optional()
      .meta({ description: 'Where to go on; the header Last-Event-ID wins.' }),
    ticket: z.string().max(200).optional(),
  })
  .refine(eitherOr, EITHER_OR)
  .meta({ id: 'OpenExecutionsStream' });
export type OpenExecutionsStream = z.infer<typeof OpenExecutionsStream>;

/** Body of `POST /api/executions/stream-tickets`: the filter of the stream that the ticket will open. */
export const CreateStreamTicket = z
  .object(filter)
  .refine(eitherOr, EITHER_OR)
  .default({})
  .meta({ id: 'CreateStreamTicket' });
export type CreateStreamTicket = z.infer<typeof CreateStreamTicket>;

/** First frame of a stream of many executions; its id is the cursor. */
export const ExecutionsConnectionEstablished = z
  .object({
    timestamp: Timestamp,
    message: z.string(),
    executions: z.int().min(0).meta({ description: 'How many have joined so far.' }),
    cursor: z
      .string()
      .meta({ description: 'Resumes from here, should the connection break before the first event.' }),
  })
  .meta({ id: 'ExecutionsConnectionEstablished' });
export type ExecutionsConnectionEstablished = z.infer<typeof ExecutionsConnectionEstablished>;

/** Names a filter: equal for filters that mean the same. */
export const filterKey = ({ projectId, status, tag, executionIds }: ExecutionFilter): string =>
  JSON.stringify([projectId ?? null, sorted(status), tag ?? null, sorted(executionIds)]);

const sorted = (values: readonly string[] | undefined): string[] | null =>
  values ? [...new Set(values)].sort() : null;

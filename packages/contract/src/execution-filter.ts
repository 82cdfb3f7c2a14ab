import { z } from 'zod';
import { OpenStream } from './events.js';
import { ExecutionStatus, ProjectId, Tag } from './execution.js';

/** Above every limit that the server sets. Longer values are refused before their items are checked. */
const MAX_ITEMS = 10_000;
const MAX_CHARACTERS = 400_000;

/** Several values: an array, or one comma-separated string as in a query. */
const commaSeparated = <Item extends z.ZodType<string, string>>(item: Item) =>
  z
    .union([
      z.array(z.string()).max(MAX_ITEMS),
      z
        .string()
        .max(MAX_CHARACTERS)
        .transform((text) => text.split(',')),
    ])
    .transform((values) => [...new Set(values.map((value) => value.trim()).filter(Boolean))])
    .pipe(z.array(item).min(1));

const filter = {
  projectId: ProjectId.optional(),
  status: commaSeparated(ExecutionStatus)
    .optional()
    .meta({ description: 'One status or several, comma-separated.' }),
  tag: Tag.optional(),
  rootId: z.string().max(64).toLowerCase().optional().meta({
    description:
      'The execution at the top of a tree, and all executions below it. The stream ends when it has sent their ends. Without it, a stream by filter shows no child executions. Cannot be combined with other conditions.',
  }),
  executionIds: commaSeparated(z.string().max(64).toLowerCase())
    .overwrite((ids) => [...new Set(ids)])
    .optional()
    .meta({
      description:
        'Only these executions, comma-separated. Cannot be combined with projectId, status, tag or rootId.',
    }),
};

/** Selects the executions of a stream: by id, by the root of a tree, or by a filter whose parts are all optional. */
export interface ExecutionFilter {
  projectId?: string | undefined;
  status?: ExecutionStatus[] | undefined;
  tag?: string | undefined;
  rootId?: string | undefined;
  executionIds?: string[] | undefined;
}

const isFilterOrIds = ({ executionIds, projectId, status, tag, rootId }: ExecutionFilter): boolean =>
  executionIds === undefined ||
  (projectId === undefined && status === undefined && tag === undefined && rootId === undefined);
const FILTER_OR_IDS = {
  path: ['executionIds'],
  message: 'cannot be combined with projectId, status, tag or rootId',
};
const isFilterOrRoot = ({ rootId, projectId, status, tag }: ExecutionFilter): boolean =>
  rootId === undefined || (projectId === undefined && status === undefined && tag === undefined);
const FILTER_OR_ROOT = { path: ['rootId'], message: 'cannot be combined with projectId, status or tag' };

/** Query of `GET /api/executions/stream`. */
export const OpenExecutionsStream = z
  .strictObject({
    ...filter,
    types: OpenStream.shape.types,
    from: z.enum(['start', 'now']).default('start').meta({
      description:
        'start: each execution is sent from its first event. now: for executions that already exist, only new events are sent. Ignored when the stream resumes at a cursor.',
    }),
    lastEventId: z
      .string()
      .optional()
      .meta({ description: 'Cursor to resume at: the last id received. The header Last-Event-ID wins.' }),
    ticket: z.string().max(200).optional(),
  })
  .refine(isFilterOrIds, FILTER_OR_IDS)
  .refine(isFilterOrRoot, FILTER_OR_ROOT)
  .meta({ id: 'OpenExecutionsStream' });
export type OpenExecutionsStream = z.infer<typeof OpenExecutionsStream>;

/** Body of `POST /api/executions/stream-tickets`: the filter of the stream that the ticket opens. */
export const CreateStreamTicket = z
  .strictObject(filter)
  .refine(isFilterOrIds, FILTER_OR_IDS)
  .refine(isFilterOrRoot, FILTER_OR_ROOT)
  .default({})
  .meta({ id: 'CreateStreamTicket' });
export type CreateStreamTicket = z.infer<typeof CreateStreamTicket>;

/** Returns a key that is equal for equivalent filters. */
export const filterKey = ({ projectId, status, tag, executionIds, rootId }: ExecutionFilter): string =>
  JSON.stringify([
    projectId ?? null,
    sorted(status),
    tag ?? null,
    sorted(executionIds),
    // Left out if there is none, so that the keys of all other filters stay what they were.
    ...(rootId === undefined ? [] : [rootId]),
  ]);

const sorted = (values: readonly string[] | undefined): string[] | null =>
  values ? [...new Set(values)].sort() : null;

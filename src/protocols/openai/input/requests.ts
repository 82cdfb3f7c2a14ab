import { Json } from '@cloutagent/contract';
import { z } from 'zod';

/** A member that may be left out or null, as clients send it. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish();

const Model = z
  .string()
  .min(1)
  .max(300)
  .meta({
    description:
      'The saved workflow: `name`, `name@3` or `name@production`. If your credential has more than one project: `project/name`.',
    examples: ['compare@production'],
  });

/** As OpenAI limits it: 16 pairs, names of 64 and values of 512 characters. */
const Metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, 'must have at most 16 members');

/** A member that would change the answer, and that this server cannot honour. */
const unsupported = (hint: string) =>
  z
    .null(`is not supported: ${hint}`)
    .optional()
    .meta({ description: `Not supported: ${hint}.` });

/** The body of `POST /v1/responses`. Members that are not here are accepted and have no effect. */
export const CreateResponse = z
  .looseObject({
    model: Model,
    input: z.union([z.string().min(1), z.array(Json)], 'must be text or a list of items').meta({
      examples: ['Compare the two offers.'],
    }),
    instructions: optional(z.string().max(1_000_000)),
    metadata: optional(Metadata),
    stream: optional(z.boolean()),
    background: optional(z.boolean()),
    store: optional(z.boolean()),
    previous_response_id: optional(z.string().max(100)),
    user: optional(z.string().max(512)),
    conversation: unsupported('use previous_response_id, or send the whole conversation as input'),
    prompt: unsupported('name the saved workflow as the model, and send its values as input'),
  })
  .meta({ id: 'CreateOpenAiResponse' });
export type CreateResponse = z.infer<typeof CreateResponse>;

/** The body of `POST /v1/chat/completions`. Members that are not here are accepted and have no effect. */
export const CreateChatCompletion = z
  .looseObject({
    model: Model,
    messages: z.array(Json).min(1),
    stream: optional(z.boolean()),
    stream_options: optional(z.looseObject({ include_usage: optional(z.boolean()) })),
    metadata: optional(Metadata),
    user: optional(z.string().max(512)),
    n: optional(z.literal(1, 'must be 1: a workflow answers once')),
  })
  .meta({ id: 'CreateOpenAiChatCompletion' });
export type CreateChatCompletion = z.infer<typeof CreateChatCompletion>;

/** The query of `GET /v1/responses/:id`. Other parameters are accepted and have no effect. */
export const RetrieveResponse = z.looseObject({
  stream: z.enum(['true', 'false']).optional(),
  starting_after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional().meta({
    description: 'With `stream`: send only the events after the one with this `sequence_number`.',
  }),
});
export type RetrieveResponse = z.infer<typeof RetrieveResponse>;

/** The query of `GET /v1/responses/:id/input_items`. */
export const ListInputItems = z.looseObject({
  after: z.string().optional().meta({ description: 'Id of an item: the list has the items after it.' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
});
export type ListInputItems = z.infer<typeof ListInputItems>;

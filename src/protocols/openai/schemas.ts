import { z } from 'zod';

/** The id of a response. */
export const ResponseId = z.string().meta({
  description: '`resp_` and the id of the execution.',
  examples: ['resp_0199c0de-0000-7000-8000-000000000001'],
});

/** A response in the form of OpenAI. The reference of OpenAI describes its items. */
export const ResponseObject = z
  .looseObject({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.int(),
    status: z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'incomplete']),
    model: z.string(),
    output: z.array(z.looseObject({ type: z.string(), id: z.string() })),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'OpenAiResponse' });

export const DeletedResponse = z
  .object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) })
  .meta({ id: 'DeletedOpenAiResponse' });
export type DeletedResponse = z.infer<typeof DeletedResponse>;

export const InputItemList = z
  .object({
    object: z.literal('list'),
    data: z.array(z.looseObject({ type: z.string(), id: z.string() })),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'OpenAiInputItems' });

export const ChatCompletion = z
  .looseObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: z.int(),
        message: z.looseObject({ role: z.literal('assistant'), content: z.string() }),
        finish_reason: z.enum(['stop', 'length', 'content_filter']),
      }),
    ),
  })
  .meta({ id: 'OpenAiChatCompletion' });

export const ModelObject = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.string().meta({ description: 'The project.' }),
  })
  .meta({ id: 'OpenAiModel' });
export type ModelObject = z.infer<typeof ModelObject>;

export const ModelList = z
  .object({ object: z.literal('list'), data: z.array(ModelObject) })
  .meta({ id: 'OpenAiModelList' });
export type ModelList = z.infer<typeof ModelList>;

/** A text, so that generated clients keep an answer and a stream apart. */
export const StreamText = z.string().meta({ description: 'Server-sent events in the form of OpenAI.' });

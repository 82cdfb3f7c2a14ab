import type { Json } from '@cloutagent/contract';
import { z } from 'zod';

const MAX_MESSAGES = 1_000;
const MAX_PARTS = 5_000;
const MAX_ID_LENGTH = 256;

/** PostgreSQL cannot store U+0000 and half characters. */
export const ChatId = z
  .string()
  .min(1)
  .max(MAX_ID_LENGTH)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), { error: 'must be the id of a chat' });

/** A part of a UIMessage. Members that this server does not read are not checked, as newer versions have further ones. */
export const UiPart = z.looseObject({ type: z.string().max(200) });
export type UiPart = z.infer<typeof UiPart>;

export const UiMessage = z.looseObject({
  id: z.string().max(MAX_ID_LENGTH).optional(),
  role: z.enum(['system', 'user', 'assistant']),
  metadata: z.unknown().optional(),
  parts: z
    .array(
      UiPart,
      'must be the list of parts of a UIMessage, as version 5 of the AI SDK and later ones send it',
    )
    .max(MAX_PARTS),
});
export type UiMessage = z.infer<typeof UiMessage>;

/** The body that `DefaultChatTransport` sends. Members that it does not know are data of the page. */
export const ChatRequest = z
  .looseObject({
    id: ChatId.meta({ description: 'The id of the chat, which `GET …/:chatId/stream` resumes.' }),
    messages: z
      .array(UiMessage, 'must be the list of messages of the chat, as useChat sends it')
      .min(1, 'must have a message: send one of the user')
      .max(MAX_MESSAGES, `must have at most ${MAX_MESSAGES} messages: send only the newest ones`)
      .meta({ description: 'The UIMessages of the chat, the newest last.' }),
    trigger: z.string().max(100).optional().meta({
      description: '`submit-message` or `regenerate-message`. The messages decide what is answered.',
    }),
    messageId: z.string().max(MAX_ID_LENGTH).nullish(),
  })
  .meta({ id: 'AiSdkChatRequest' });
export type ChatRequest = z.infer<typeof ChatRequest>;

/** Returns the members of a request that are data of the page; undefined if there are none. */
export function dataOf(request: ChatRequest): Json | undefined {
  const { id: _id, messages: _messages, trigger: _trigger, messageId: _messageId, ...data } = request;
  return Object.keys(data).length > 0 ? (data as Json) : undefined;
}

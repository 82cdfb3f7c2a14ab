import type { Json } from '@cloutagent/contract';
import { type Chat, inputOf } from '../chat-input.js';
import type { Message, Part } from './a2a-types.js';

/** A part of a conversation before the message: what a task was asked, and what it answered. */
export interface EarlierTurn {
  readonly message: Message;
  readonly answer: string;
}

/**
 * Makes the input of a saved workflow from a message and the conversation before it. A message that is one object in a data
 * part is the input itself, if the workflow takes an object.
 */
export function inputOfMessage(
  message: Message,
  contextId: string,
  earlier: readonly EarlierTurn[],
  inputSchema: unknown,
): Json {
  const [only, ...others] = message.parts;
  if (
    others.length === 0 &&
    isObject(only?.data) &&
    isObject(inputSchema) &&
    inputSchema['type'] === 'object'
  )
    return only.data;
  return inputOf(chatOf(message, contextId, earlier), inputSchema);
}

function chatOf(message: Message, threadId: string, earlier: readonly EarlierTurn[]): Chat {
  const data = message.parts.filter((part) => part.data !== undefined).map((part) => part.data!);
  const text = textOf(message.parts);
  return {
    messages: [
      ...earlier.flatMap((turn) => [
        ...userMessage(turn.message),
        ...(turn.answer === '' ? [] : [{ role: 'assistant', content: turn.answer }]),
      ]),
      ...userMessage(message),
    ],
    text: text === '' && data.length > 0 ? JSON.stringify(data.length === 1 ? data[0] : data) : text,
    threadId,
    ...(data.length > 0 && { data: data.length === 1 ? data[0]! : data }),
  };
}

const textOf = (parts: readonly Part[]): string =>
  parts.flatMap(({ text }) => (text === undefined ? [] : [text])).join('\n');

/** Makes the message in the AI SDK's form. A message without content is none: providers refuse it. */
function userMessage({ parts }: Message): Json[] {
  const content = parts.flatMap(contentOf);
  if (content.length === 0) return [];
  const isText = parts.every((part) => part.text !== undefined);
  return [{ role: 'user', content: isText ? textOf(parts) : content }];
}

function contentOf({ text, raw, url, data, mediaType, filename }: Part): Json[] {
  if (text !== undefined) return text === '' ? [] : [{ type: 'text', text }];
  if (data !== undefined) return [{ type: 'text', text: JSON.stringify(data) }];
  const file = raw ?? url;
  if (file === undefined) return [];
  return [
    {
      type: 'file',
      data: file,
      mediaType: mediaType || 'application/octet-stream',
      ...(filename && { filename }),
    },
  ];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

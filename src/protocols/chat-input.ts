import type { Json } from '@cloutagent/contract';

/** The conversation that a client of a chat protocol sends. */
export interface Chat {
  /** The messages in the AI SDK's form of ModelMessage, as the config `messages` of an agent takes them. */
  readonly messages: readonly Json[];
  /** The text of the newest message of the user. */
  readonly text: string;
  /** The client's id of the conversation. */
  readonly threadId?: string | undefined;
  /** What the client sends in addition, such as the state of its page. Left out if there is nothing. */
  readonly data?: Json | undefined;
}

/**
 * Makes the input of a saved workflow from a conversation. Its `inputSchema` says what it takes:
 * - `type: "string"`: the text of the newest message of the user.
 * - an object without additional properties: those of `messages`, `text`, `threadId` and `data` that it has. If it has none of
 *   them and the text is a JSON object, that object.
 * - anything else, or no schema: an object of `messages`, `text`, `threadId` and `data`.
 *
 * The start checks the input against the schema.
 */
export function inputOf(chat: Chat, inputSchema: unknown): Json {
  const { messages, text, threadId, data } = chat;
  const given: Record<string, Json> = {
    messages: [...messages],
    text,
    ...(threadId !== undefined && { threadId }),
    ...(data !== undefined && { data }),
  };
  if (!isObject(inputSchema)) return given;
  if (inputSchema['type'] === 'string') return text;
  if (inputSchema['additionalProperties'] !== false) return given;
  const { properties } = inputSchema;
  const known = Object.entries(given).filter(
    ([name]) => isObject(properties) && Object.hasOwn(properties, name),
  );
  return known.length > 0 ? Object.fromEntries(known) : (objectIn(text) ?? given);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function objectIn(text: string): Json | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

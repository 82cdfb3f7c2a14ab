import type { Json } from '@cloutagent/contract';
import { WORK_PREFIX } from './message-log.js';
import type { AgUiMessage, AgUiPart } from './run-agent-input.js';

type MessageOf<Role extends AgUiMessage['role']> = Extract<AgUiMessage, { role: Role }>;

/**
 * Translates a conversation into the AI SDK's form of ModelMessage. It leaves out what providers refuse or what is no part of
 * the conversation: reasoning, activities, messages of nodes that were not the answer, calls of tools without a result and
 * results without a call, and parts that this server cannot pass on. System messages come first.
 */
export function modelMessages(messages: readonly AgUiMessage[]): Json[] {
  const results = new Map(
    messages.flatMap((message) => (message.role === 'tool' ? [[message.toolCallId, message] as const] : [])),
  );
  const system: Json[] = [];
  const others: Json[] = [];
  for (const message of messages) {
    if (message.role === 'system' || message.role === 'developer') {
      if (message.content !== '') system.push({ role: 'system', content: message.content });
    } else if (message.role === 'user') {
      const content =
        typeof message.content === 'string' ? message.content : message.content.flatMap(userPart);
      if (content.length > 0) others.push({ role: 'user', content });
    } else if (message.role === 'assistant' && !message.id.startsWith(WORK_PREFIX))
      others.push(...assistantMessages(message, results));
  }
  return [...system, ...others];
}

/** Returns the text of the newest message of the user. */
export function newestText(messages: readonly AgUiMessage[]): string {
  const newest = messages.findLast((message) => message.role === 'user');
  if (!newest) return '';
  if (typeof newest.content === 'string') return newest.content;
  return newest.content
    .flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []))
    .join('\n');
}

/** Returns what a snapshot of messages has to repeat. Clients keep reasoning and activities that it does not have. */
export const snapshotMessages = (messages: readonly AgUiMessage[]): Record<string, Json>[] =>
  messages
    .filter(({ role }) => role !== 'reasoning' && role !== 'activity')
    .map(
      (message) =>
        Object.fromEntries(
          Object.entries(message).filter(([, value]) => value !== null && value !== undefined),
        ) as Record<string, Json>,
    );

/** A message of the assistant, and the results of its calls right after it, as providers require. */
function assistantMessages(
  { content, toolCalls }: MessageOf<'assistant'>,
  results: ReadonlyMap<string, MessageOf<'tool'>>,
): Json[] {
  const calls = (toolCalls ?? []).filter(({ id }) => results.has(id));
  const text: Json[] = content ? [{ type: 'text', text: content }] : [];
  if (calls.length === 0) return text.length > 0 ? [{ role: 'assistant', content: text }] : [];
  return [
    {
      role: 'assistant',
      content: [
        ...text,
        ...calls.map(({ id, function: { name, arguments: given } }) => ({
          type: 'tool-call',
          toolCallId: id,
          toolName: name,
          input: parsed(given),
        })),
      ],
    },
    {
      role: 'tool',
      content: calls.map(({ id, function: { name } }) => ({
        type: 'tool-result',
        toolCallId: id,
        toolName: name,
        output: outputOf(results.get(id)!),
      })),
    },
  ];
}

function outputOf({ content, error }: MessageOf<'tool'>): Json {
  if (error) return { type: 'error-text', value: error };
  const text =
    typeof content === 'string'
      ? content
      : content.flatMap((part) => (typeof part['text'] === 'string' ? [part['text']] : [])).join('\n');
  return { type: 'text', value: text };
}

/** The model may have made arguments that are not JSON. */
function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text === '' ? {} : text;
  }
}

/** The types of files whose client does not say one. */
const DEFAULT_TYPES: Record<string, string> = {
  image: 'image',
  audio: 'audio',
  video: 'video',
  document: 'application/pdf',
};

/** Translates a part of a message of the user; nothing if the server cannot pass it on. */
function userPart(part: AgUiPart): Json[] {
  const { type } = part;
  if (type === 'text')
    return typeof part['text'] === 'string' && part['text'] ? [{ type, text: part['text'] }] : [];
  const fallback = Object.hasOwn(DEFAULT_TYPES, type) ? DEFAULT_TYPES[type] : undefined;
  const source = part['source'] as
    { type?: unknown; value?: unknown; mimeType?: unknown; provider?: unknown } | undefined;
  if (fallback === undefined || typeof source?.value !== 'string') return [];
  const mediaType = typeof source.mimeType === 'string' ? source.mimeType : fallback;
  const { value } = source;
  if (source.type === 'data' || source.type === 'url') return [{ type: 'file', data: value, mediaType }];
  // A handle of a provider means nothing without its name.
  if (source.type !== 'file' || typeof source.provider !== 'string') return [];
  return [{ type: 'file', data: { type: 'reference', reference: { [source.provider]: value } }, mediaType }];
}

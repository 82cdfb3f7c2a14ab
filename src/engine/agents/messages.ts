import { z } from 'zod';
import { isTemplate } from '../extension/template.js';
import {
  contentOf,
  FilePart,
  ImagePart,
  MessageText,
  oneOf,
  ProviderOptions,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from './message-parts.js';

const MAX_MESSAGES = 1_000;

const UserMessage = z
  .strictObject({
    role: z.literal('user'),
    content: contentOf({ text: TextPart, image: ImagePart, file: FilePart }),
    providerOptions: ProviderOptions,
  })
  .meta({ examples: [{ role: 'user', content: 'x' }] });

const AssistantMessage = z.strictObject({
  role: z.literal('assistant'),
  content: contentOf({
    text: TextPart,
    file: FilePart,
    reasoning: ReasoningPart,
    'tool-call': ToolCallPart,
    'tool-result': ToolResultPart,
  }),
  providerOptions: ProviderOptions,
});

const ToolMessage = z.strictObject({
  role: z.literal('tool'),
  content: z
    .array(oneOf('type', 'a result of a tool', { 'tool-result': ToolResultPart }))
    .min(1, 'must not be empty: remove the message')
    .max(1_000),
  providerOptions: ProviderOptions,
});

const SystemMessage = z.strictObject({
  role: z.literal('system'),
  content: MessageText,
  providerOptions: ProviderOptions,
});

const Message = oneOf('role', 'a message', {
  user: UserMessage,
  assistant: AssistantMessage,
  tool: ToolMessage,
  system: SystemMessage,
});
export type Message = z.output<typeof Message>;

/**
 * A conversation as JSON, in the AI SDK's form of ModelMessage
 * (https://ai-sdk.dev/docs/reference/ai-sdk-core/model-message). The last message is one that a model can answer.
 */
export const Messages = z
  .array(
    Message,
    'must be a list of messages, or exactly one placeholder that gives such a list, such as {{input.messages}}',
  )
  .min(1, 'must have a message for the model')
  .max(MAX_MESSAGES, `must have at most ${MAX_MESSAGES} messages`)
  .superRefine((messages, context) => {
    for (const { path, message } of conversationProblems(messages))
      context.addIssue({ code: 'custom', path, message });
  })
  .meta({ examples: [[{ role: 'user', content: 'x' }]] });
export type Messages = z.output<typeof Messages>;

interface ConversationProblem {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Finds what providers refuse about the order of messages, although each message is valid. */
export function conversationProblems(messages: readonly Message[]): ConversationProblem[] {
  const last = messages.at(-1);
  if (!last) return [];
  return [
    ...systemProblems(messages),
    ...toolProblems(messages),
    ...(last.role === 'user' || last.role === 'tool'
      ? []
      : [
          {
            path: [messages.length - 1],
            message: `must not be the last message: a model answers a message of the role user or tool, not ${last.role}`,
          },
        ]),
  ];
}

function systemProblems(messages: readonly Message[]): ConversationProblem[] {
  const start = messages.findIndex(({ role }) => role !== 'system');
  return messages.flatMap(({ role }, index) =>
    role === 'system' && start >= 0 && index > start
      ? [
          {
            path: [index, 'role'],
            message: 'must come first: messages of the role system begin the conversation',
          },
        ]
      : [],
  );
}

/** A call of a tool that has no result yet. */
interface OpenCall {
  readonly toolName: string;
  readonly path: (string | number)[];
}

/** Providers accept a call only if its result follows in the next messages, and a result only after its call. */
function toolProblems(messages: readonly Message[]): ConversationProblem[] {
  const problems: ConversationProblem[] = [];
  const open = new Map<string, OpenCall>();
  const endOfResults = () => {
    for (const { path, toolName } of open.values())
      problems.push({
        path,
        message: `calls the tool ${toolName} and has no result: add a message of the role tool after it, or remove the call`,
      });
    open.clear();
  };
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'tool') endOfResults();
    if (typeof message.content === 'string') continue;
    for (const [at, part] of message.content.entries()) {
      const path = [index, 'content', at];
      if (part.type === 'tool-call' && part.providerExecuted !== true) {
        // An id with a placeholder is known only when the node runs.
        if (isTemplate(part.toolCallId)) return [];
        if (open.has(part.toolCallId))
          problems.push({
            path: [...path, 'toolCallId'],
            message: 'is also the id of another call: give each call its own',
          });
        open.set(part.toolCallId, { toolName: part.toolName, path });
      } else if (part.type === 'tool-result' && message.role === 'tool') {
        if (isTemplate(part.toolCallId)) return [];
        if (!open.delete(part.toolCallId))
          problems.push({
            path: [...path, 'toolCallId'],
            message:
              'is the id of no call that waits for a result: the message of the role assistant before it has the calls',
          });
      }
    }
  }
  endOfResults();
  return problems;
}

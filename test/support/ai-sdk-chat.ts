import { Chat } from '@ai-sdk/react';
import {
  DefaultChatTransport,
  type DynamicToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from 'ai';
import { ADMIN_KEY } from './server.js';

/** The metadata of the messages of an assistant. */
interface Metadata {
  executionId: string;
  status: string;
  sequence?: number;
  usage?: { totalTokens: number };
  costUSD?: number | null;
  workflow?: string;
  error?: { message: string; code: string };
}
export type Message = UIMessage<Metadata>;

/** A request that a chat has sent, and how it was answered. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly body: { messages: Message[]; trigger: string } | undefined;
  status?: number;
}

/** A chat of `useChat` without React: its class `Chat` with the default transport. */
export class TestChat {
  readonly chat: Chat<Message>;
  readonly requests: SentRequest[] = [];
  /** How the answers ended, in order. */
  readonly ends: { isError: boolean; isDisconnect: boolean; finishReason?: string | undefined }[] = [];

  /** @param workflow such as `demo/support` */
  constructor(
    url: () => string,
    workflow: string,
    options: { id?: string; messages?: Message[]; headers?: Record<string, string>; body?: object } = {},
  ) {
    const { headers = {}, body, ...init } = options;
    this.chat = new Chat<Message>({
      ...init,
      transport: new DefaultChatTransport({
        api: `/api/ai-sdk/${workflow}`,
        headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
        ...(body && { body }),
        fetch: async (input, given) => {
          const path = input as string;
          const sent: SentRequest = {
            method: given?.method ?? 'GET',
            path,
            body:
              typeof given?.body === 'string' ? (JSON.parse(given.body) as SentRequest['body']) : undefined,
          };
          this.requests.push(sent);
          const response = await fetch(new URL(path, url()), given);
          sent.status = response.status;
          return response;
        },
      }),
      sendAutomaticallyWhen: (given) =>
        lastAssistantMessageIsCompleteWithApprovalResponses(given) ||
        // Only a form that is filled in: answers of our own tools end a step as well.
        (tools(given.messages.at(-1)).some(isFilledIn) && lastAssistantMessageIsCompleteWithToolCalls(given)),
      onFinish: ({ isError, isDisconnect, finishReason }) =>
        this.ends.push({ isError, isDisconnect, finishReason }),
      // The chat has it as its error.
      onError: () => undefined,
    });
  }

  get last(): Message {
    return this.chat.messages.at(-1)!;
  }

  get text(): string {
    return textOf(this.last);
  }

  get tools(): DynamicToolUIPart[] {
    return tools(this.last);
  }

  /** Waits until a condition holds, after each change of the messages or the status. */
  async until(what: string, condition: (chat: Chat<Message>) => boolean): Promise<void> {
    if (condition(this.chat)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => condition(this.chat) && resolve();
    const ends = [
      this.chat['~registerMessagesCallback'](check),
      this.chat['~registerStatusCallback'](check),
      this.chat['~registerErrorCallback'](check),
    ];
    const timeout = setTimeout(resolve, 30_000);
    await promise;
    clearTimeout(timeout);
    for (const end of ends) end();
    if (!condition(this.chat))
      throw new Error(
        `waited 30 s until ${what}: ${JSON.stringify([this.chat.status, this.chat.error, this.chat.messages])}`,
      );
  }
}

export const textOf = (message: Message | undefined): string =>
  (message?.parts ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

const tools = (message: Message | undefined): DynamicToolUIPart[] =>
  (message?.parts ?? []).filter((part): part is DynamicToolUIPart => part.type === 'dynamic-tool');

/** The `data-node` parts of a message by the id of the node. */
export const nodesOf = (message: Message): Record<string, Record<string, unknown>> =>
  Object.fromEntries(
    message.parts.flatMap((part) =>
      part.type === 'data-node' ? [[part.id!, part.data as Record<string, unknown>]] : [],
    ),
  );

const isFilledIn = ({ toolMetadata, state, output }: DynamicToolUIPart): boolean =>
  toolMetadata?.['isCall'] === false &&
  state === 'output-available' &&
  (output as { by?: string }).by === undefined;

import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import { randomUUID } from 'node:crypto';
import { bearer, type ProtocolClient, QUESTION, watch } from './client.ts';

const textOf = ({ parts }: UIMessage): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

/** Reads a message to the end of its stream. The client takes an end without an error for the end of the answer. */
async function read(
  stream: ReadableStream<UIMessageChunk>,
  onText?: (text: string) => void,
): Promise<string> {
  let text = '';
  for await (const message of readUIMessageStream({ stream, terminateOnError: true })) {
    text = textOf(message);
    if (text !== '') onText?.(text);
  }
  return text;
}

/** The transport of `useChat`, which resumes the stream of its chat. */
export const AI_SDK: readonly ProtocolClient[] = [
  {
    name: 'AI SDK',
    watch: ({ origin, key, projectId, workflow }) => {
      const chatId = randomUUID();
      const transport = new DefaultChatTransport({
        api: `${origin}/api/ai-sdk/${projectId}/${workflow}`,
        headers: bearer(key),
      });
      const question: UIMessage = {
        id: 'question',
        role: 'user',
        parts: [{ type: 'text', text: QUESTION }],
      };
      return watch(
        async (onText) => {
          const stream = await transport.sendMessages({
            chatId,
            messages: [question],
            trigger: 'submit-message',
            messageId: undefined,
            abortSignal: undefined,
          });
          return read(stream, onText);
        },
        async () => {
          const stream = await transport.reconnectToStream({ chatId });
          if (!stream) throw new Error('there is nothing to resume');
          return read(stream);
        },
      );
    },
  },
];

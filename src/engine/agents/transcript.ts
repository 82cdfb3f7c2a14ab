import type { LanguageModelV4Message, LanguageModelV4ToolResultOutput } from '@ai-sdk/provider';
import type { Json } from '@cloutagent/contract';
import type { Round, RoundCall, StoredResult } from '../extension/agent-run.js';
import { asText } from '../extension/template.js';
import type { AnswerPart } from './answer.js';

const CORRECT_IT = 'Answer again with only the whole JSON object, corrected, and no other text.';

/** Makes the messages of a round: the model's answer, and the results of its calls or what is wrong with it. */
export function messagesOf({ content, problem, calls }: Round): LanguageModelV4Message[] {
  const changed = new Map(
    calls.flatMap(({ toolId, result }) => (result?.args === undefined ? [] : [[toolId, result.args]])),
  );
  const parts = content as unknown as AnswerPart[];
  const messages: LanguageModelV4Message[] = [
    {
      role: 'assistant',
      // The model sees the arguments that a person has sent instead of its own.
      content: parts.map((part) =>
        part.type === 'tool-call' && changed.has(part.toolCallId)
          ? { ...part, input: changed.get(part.toolCallId) }
          : part,
      ),
    },
  ];
  if (calls.length > 0) {
    const names = new Map(
      parts.flatMap((part) => (part.type === 'tool-call' ? [[part.toolCallId, part.toolName]] : [])),
    );
    messages.push({
      role: 'tool',
      content: calls.map((call) => ({
        type: 'tool-result',
        toolCallId: call.toolId,
        toolName: names.get(call.toolId) ?? call.toolName,
        output: outputOf(call),
      })),
    });
  }
  if (problem !== undefined)
    messages.push({ role: 'user', content: [{ type: 'text', text: `${problem} ${CORRECT_IT}` }] });
  return messages;
}

function outputOf({ result }: RoundCall): LanguageModelV4ToolResultOutput {
  const { result: value, isError, content } = result as StoredResult;
  if (isError) return { type: 'error-text', value: asText(value) };
  if (content !== undefined) return { type: 'content', value: content as never };
  return typeof value === 'string'
    ? { type: 'text', value }
    : { type: 'json', value: value as Json & object };
}

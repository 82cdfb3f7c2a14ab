import { isObject } from './json-object.js';
import type { WireFormat } from './stream-normalizer.js';

/**
 * Turns an answer that a server has not streamed into the events of a stream, which the normalizers then repair.
 * @returns undefined if the value is no answer
 */
export function wholeAnswerEvents(format: WireFormat, answer: unknown): unknown[] | undefined {
  // Without `alt=sse` Gemini sends a list of chunks.
  if (
    format === 'google' &&
    Array.isArray(answer) &&
    answer.some((each) => isObject(each) && 'candidates' in each)
  )
    return answer;
  if (!isObject(answer)) return undefined;
  switch (format) {
    case 'openai-chat':
    case 'mistral':
      return Array.isArray(answer['choices']) ? [answer] : undefined;
    case 'google':
      return Array.isArray(answer['candidates']) ? [answer] : undefined;
    case 'anthropic': {
      const { content, stop_reason, usage } = answer;
      if (answer['type'] !== 'message' || !Array.isArray(content)) return undefined;
      return [
        { type: 'message_start', message: { ...answer, content: [], stop_reason: null } },
        ...content.flatMap((content_block, index) => [
          { type: 'content_block_start', index, content_block },
          ...signatureOf(content_block, index),
          { type: 'content_block_stop', index },
        ]),
        { type: 'message_delta', delta: { stop_reason }, usage },
        { type: 'message_stop' },
      ];
    }
    default:
      return undefined;
  }
}

/** In a stream the signature of thoughts is a delta. */
const signatureOf = (block: unknown, index: number): object[] =>
  isObject(block) && typeof block['signature'] === 'string'
    ? [
        {
          type: 'content_block_delta',
          index,
          delta: { type: 'signature_delta', signature: block['signature'] },
        },
      ]
    : [];

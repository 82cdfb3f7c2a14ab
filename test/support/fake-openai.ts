import type { FakeAnswer } from './fake-answer.js';

const STOP = { end: 'stop', length: 'length', filter: 'content_filter' } as const;

/**
 * Returns the chunks of one streamed chat completion, with `[DONE]` at the end. Thinking comes as `reasoning_content`, as
 * vLLM and DeepSeek send it.
 */
export function openAIFrames(answer: FakeAnswer, model: string): string[] {
  const {
    text = answer.toolCalls ? [] : ['Hello', ' world'],
    thinking = [],
    toolCalls = [],
    usage = { input: 10, output: 5 },
  } = answer;
  const base = { id: 'chatcmpl-fake', object: 'chat.completion.chunk', created: 1_800_000_000, model };
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason }] })}\n\n`;

  const calls = toolCalls.flatMap(({ id = 'call', name, args }, number) => {
    const json = JSON.stringify(args);
    const half = Math.ceil(json.length / 2);
    return [
      chunk({
        tool_calls: [
          { index: number, id: `${id}_${number}`, type: 'function', function: { name, arguments: '' } },
        ],
      }),
      chunk({ tool_calls: [{ index: number, function: { arguments: json.slice(0, half) } }] }),
      chunk({ tool_calls: [{ index: number, function: { arguments: json.slice(half) } }] }),
    ];
  });
  const reason = answer.stopReason ? STOP[answer.stopReason] : toolCalls.length > 0 ? 'tool_calls' : 'stop';
  const counted = usage && {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    ...(usage.cachedRead !== undefined && { prompt_tokens_details: { cached_tokens: usage.cachedRead } }),
    ...(usage.reasoning !== undefined && {
      completion_tokens_details: { reasoning_tokens: usage.reasoning },
    }),
  };
  return [
    chunk({ role: 'assistant', content: '' }),
    ...thinking.map((part) => chunk({ reasoning_content: part })),
    ...text.map((part) => chunk({ content: part })),
    ...calls,
    chunk({}, reason),
    ...(counted ? [`data: ${JSON.stringify({ ...base, choices: [], usage: counted })}\n\n`] : []),
    'data: [DONE]\n\n',
  ];
}

import { createGoogle } from '@ai-sdk/google';
import { createMistral } from '@ai-sdk/mistral';
import { createOpenAI } from '@ai-sdk/openai';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { SecretRedactor } from '../../src/config/secret-redactor.js';
import { TransientError } from '../../src/engine/extension/node-handler.js';
import { modelError } from '../../src/engine/models/model-error.js';
import { streamError } from '../../src/engine/models/stream-error.js';
import type { UsageObserver } from '../../src/engine/models/usage-observer.js';
import { tolerantResponse } from '../../src/engine/models/wire/tolerant-response.js';

// What the packages of the AI SDK make of hostile streams once they are normalized. Those of Anthropic and of chat completions
// are in hostile-providers.spec.ts.

type Format = 'openai-responses' | 'google' | 'mistral';
interface Expected {
  text?: string;
  thinking?: string;
  finish?: string;
  calls?: [name: string, input: string][];
  /** The code, and whether the engine repeats the attempt. */
  failure?: [code: string, transient: boolean];
  reason?: string;
  reported?: Record<string, unknown>;
}

const settings = { apiKey: 'k', baseURL: 'http://provider.example' };
const MODELS: Record<Format, (fetch: typeof globalThis.fetch) => LanguageModelV4> = {
  'openai-responses': (fetch) => createOpenAI({ ...settings, fetch })('gpt-5'),
  google: (fetch) => createGoogle({ ...settings, fetch })('gemini-2.5-pro'),
  mistral: (fetch) => createMistral({ ...settings, fetch })('mistral-large-latest'),
};
const secrets = new SecretRedactor();

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

// ---- Gemini ----
const candidate = (parts: unknown, more: object = {}, fields: object = {}): string =>
  data({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...fields }], ...more });
const GOOGLE_USAGE = {
  promptTokenCount: 10,
  candidatesTokenCount: 5,
  thoughtsTokenCount: 2,
  totalTokenCount: 17,
};
const googleEnd = candidate([{ text: '' }], { usageMetadata: GOOGLE_USAGE }, { finishReason: 'STOP' });
const hello = { text: 'Hello', finish: 'stop' };

// ---- Mistral ----
const chunk = (delta: object, finish_reason: string | null = null, more: object = {}): string =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason }],
    ...more,
  });
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const mistralEnd = chunk({ content: '' }, 'stop', { usage: USAGE }) + 'data: [DONE]\n\n';

// ---- Responses ----
const event = (type: string, fields: object = {}): string => `event: ${type}\n${data({ type, ...fields })}`;
const created = event('response.created', { response: { id: 'r', created_at: 1, model: 'm' } });
const item = { output_index: 0, item: { type: 'message', id: 'i' } };
const begin = created + event('response.output_item.added', item);
const textDelta = (delta: string): string =>
  event('response.output_text.delta', { item_id: 'i', output_index: 0, delta });
const usage = {
  input_tokens: 10,
  output_tokens: 5,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens_details: { reasoning_tokens: 2 },
};
const completed =
  event('response.output_item.done', item) + event('response.completed', { response: { usage } });

const ROWS: [title: string, format: Format, body: string, expected: Expected][] = [
  [
    'Gemini: unknown parts and chunks',
    'google',
    data({ modelVersion: 'x' }) +
      candidate([{ future: 1 }, { text: 'Hello' }, { inlineData: 7 }]) +
      googleEnd,
    { ...hello, reported: { input: 10, output: 7, reasoning: 2 } },
  ],
  [
    'Gemini: counts as text',
    'google',
    candidate([{ text: 'Hello' }]) +
      candidate(
        [],
        {
          usageMetadata: {
            promptTokenCount: '10',
            candidatesTokenCount: '5',
            promptTokensDetails: [{ modality: 1 }],
          },
        },
        { finishReason: 'STOP' },
      ),
    { ...hello, reported: { input: 10, output: 5 } },
  ],
  [
    'Gemini: an early end',
    'google',
    candidate([{ text: 'Hel' }], { usageMetadata: { promptTokenCount: 10 } }),
    { failure: ['model_stream_broken', true], reported: { input: 10 } },
  ],
  [
    'Gemini: an error with a status',
    'google',
    candidate([{ text: 'Hel' }]) +
      data({ error: { code: 503, status: 'UNAVAILABLE', message: 'overloaded' } }),
    { failure: ['model_unavailable', true], reason: 'overloaded' },
  ],
  [
    'Gemini: a list of errors',
    'google',
    data([{ error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'slow' } }]),
    { failure: ['model_rate_limited', true], reason: 'slow' },
  ],
  [
    'Gemini: an error that is not known',
    'google',
    data({ error: { code: 7, message: 'moon' } }),
    { failure: ['model_failed', false], reason: 'moon' },
  ],
  [
    'Gemini: text in the place of an event',
    'google',
    'data: Bad Gateway\n\n',
    { failure: ['model_unavailable', true], reason: 'Bad Gateway' },
  ],
  [
    'Gemini: a blocked prompt',
    'google',
    data({ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: GOOGLE_USAGE }),
    { text: '', finish: 'content-filter' },
  ],
  [
    'Gemini: a call without a name',
    'google',
    candidate([{ functionCall: { args: { a: 1 } } }]) + googleEnd,
    { finish: 'tool-calls', calls: [['unnamed_tool', '{"a":1}']] },
  ],
  [
    'Gemini: the maximum length',
    'google',
    candidate([{ text: 'Hel' }], { usageMetadata: GOOGLE_USAGE }, { finishReason: 'MAX_TOKENS' }),
    { text: 'Hel', finish: 'length' },
  ],
  [
    'Mistral: a chunk without choices',
    'mistral',
    chunk({ content: 'Hello' }, 'stop') + data({ usage: { prompt_tokens: '10', completion_tokens: 5 } }),
    { ...hello, reported: { input: 10, output: 5 } },
  ],
  [
    'Mistral: parts of unknown types, and no index',
    'mistral',
    data({
      choices: [{ delta: { role: null, content: [{ type: 'text', text: 'Hello' }, { type: 'future' }] } }],
    }) + mistralEnd,
    hello,
  ],
  [
    'Mistral: thoughts',
    'mistral',
    chunk({ content: [{ type: 'thinking', thinking: 'hm' }] }) + chunk({ content: 'Hello' }) + mistralEnd,
    { ...hello, thinking: 'hm' },
  ],
  [
    'Mistral: arguments as an object',
    'mistral',
    chunk({ tool_calls: [{ id: 'a', function: { name: 'weather', arguments: { a: 1 } } }] }, 'tool_calls', {
      usage: USAGE,
    }),
    { finish: 'tool-calls', calls: [['weather', '{"a":1}']] },
  ],
  [
    'Mistral: an error',
    'mistral',
    chunk({ content: 'Hel' }) +
      data({ object: 'error', message: 'busy', type: 'service_tier_capacity_exceeded', code: '3505' }),
    { failure: ['model_rate_limited', true], reason: 'busy' },
  ],
  ['Mistral: an early end', 'mistral', chunk({ content: 'Hel' }), { text: 'Hel', finish: 'interrupted' }],
  [
    'Responses: unknown events',
    'openai-responses',
    created + event('response.future') + begin.replace(created, '') + textDelta('Hello') + completed,
    { ...hello, reported: { input: 10, output: 5, cached: { read: 4, written: 0 }, reasoning: 2 } },
  ],
  [
    'Responses: a delta without an item, with strange log probabilities',
    'openai-responses',
    begin + event('response.output_text.delta', { delta: 'Hello', logprobs: [{ token: 1 }] }) + completed,
    hello,
  ],
  [
    'Responses: counts as text',
    'openai-responses',
    begin +
      textDelta('Hello') +
      event('response.completed', { response: { usage: { input_tokens: '10', output_tokens: '5' } } }),
    { ...hello, reported: { input: 10, output: 5 } },
  ],
  [
    'Responses: events without a response',
    'openai-responses',
    event('response.created') +
      event('response.in_progress') +
      begin.replace(created, '') +
      textDelta('Hello') +
      completed,
    hello,
  ],
  [
    'Responses: an early end',
    'openai-responses',
    begin + textDelta('Hel'),
    { failure: ['model_stream_broken', true] },
  ],
  [
    'Responses: an error in the middle',
    'openai-responses',
    begin + textDelta('Hel') + event('error', { sequence_number: 3, code: 'server_error', message: 'boo' }),
    { failure: ['model_unavailable', true], reason: 'boo' },
  ],
  [
    'Responses: an error that is not known',
    'openai-responses',
    begin + textDelta('Hel') + event('error', { sequence_number: 3, code: 'moon', message: 'boo' }),
    { failure: ['model_failed', false], reason: 'moon: boo' },
  ],
  [
    'Responses: an error that is not known, before all output',
    'openai-responses',
    event('error', { sequence_number: 3, code: 'moon', message: 'boo' }),
    { failure: ['model_failed', false], reason: 'boo' },
  ],
  [
    'Responses: a rate limit before all output',
    'openai-responses',
    event('error', {
      sequence_number: 3,
      error: { type: 'tokens', code: 'rate_limit_exceeded', message: 'slow' },
    }),
    { failure: ['model_rate_limited', true], reason: 'slow' },
  ],
  [
    'Responses: no credit',
    'openai-responses',
    created +
      event('response.failed', {
        sequence_number: 2,
        response: { error: { code: 'insufficient_quota', message: 'pay' }, usage },
      }),
    { failure: ['model_quota_exceeded', false], reason: 'pay', reported: { input: 10, output: 5 } },
  ],
  [
    'Responses: a failed response',
    'openai-responses',
    begin +
      textDelta('Hel') +
      event('response.failed', { response: { error: { code: 'server_error', message: 'no' }, usage } }),
    { failure: ['model_unavailable', true], reason: 'no', reported: { input: 10, output: 5 } },
  ],
  [
    'Responses: the maximum length',
    'openai-responses',
    begin +
      textDelta('Hel') +
      event('response.incomplete', {
        response: { incomplete_details: { reason: 'max_output_tokens' }, usage },
      }),
    { text: 'Hel', finish: 'length' },
  ],
  [
    'Responses: text in the place of an event',
    'openai-responses',
    'data: Bad Gateway\n\n',
    { failure: ['model_unavailable', true], reason: 'Bad Gateway' },
  ],
];

it.each(ROWS)('%s', async (_title, format, body, expected) => {
  const observer: UsageObserver = { reported: undefined };
  const fetch = () =>
    tolerantResponse(new Response(body, { headers: { 'content-type': 'text/event-stream' } }), {
      format,
      observer,
      maxEventBytes: 100_000,
    });
  const seen = {
    text: '',
    thinking: '',
    finish: undefined as string | undefined,
    calls: [] as [string, string][],
  };
  const failed = await readAll(MODELS[format](fetch), seen).then(
    () => undefined,
    (error: unknown) => modelError(error, secrets),
  );
  expect(failed && [failed.code, failed instanceof TransientError]).toEqual(expected.failure);
  if (expected.reason !== undefined) expect(failed!.message).toContain(expected.reason);
  const { failure: _failure, reason: _reason, reported, ...rest } = expected;
  expect(seen).toMatchObject(rest);
  if (reported) expect(observer.reported).toMatchObject(reported);
});

async function readAll(
  model: LanguageModelV4,
  seen: { text: string; thinking: string; finish: string | undefined; calls: [string, string][] },
): Promise<void> {
  const { stream } = await model.doStream({
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    tools: [{ type: 'function', name: 'weather', inputSchema: { type: 'object' } }],
  });
  for await (const part of stream) {
    if (part.type === 'text-delta') seen.text += part.delta;
    else if (part.type === 'reasoning-delta') seen.thinking += part.delta;
    else if (part.type === 'tool-call') seen.calls.push([part.toolName, part.input]);
    else if (part.type === 'finish') seen.finish = part.finishReason.unified;
    else if (part.type === 'error') throw streamError(part.error);
  }
}

import type { UsageObserver } from '../usage-observer.js';
import { StreamEndedEarlyError } from './stream-ended-early-error.js';
import type { WireFormat } from './stream-normalizer.js';
import { tolerantResponse } from './tolerant-response.js';

// The providers whose packages are tested with the agent node are in test/engine/hostile-providers.spec.ts.

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** Reads a whole response, and returns the events in it. */
async function read(format: Exclude<WireFormat, 'other'>, body: string) {
  const observer: UsageObserver = { reported: undefined };
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const tolerant = await tolerantResponse(response, { format, observer, maxEventBytes: 1_000_000 });
  const text = await tolerant.text();
  const events = text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => JSON.parse(event.replace('data: ', '')) as unknown);
  return { text, events, reported: observer.reported };
}

const google = (parts: unknown, more: object = {}): object => ({
  candidates: [{ content: { parts, role: 'model' }, finishReason: 'STOP' }],
  ...more,
});
const created = { type: 'response.created', response: { id: 'r', created_at: 1, model: 'm' } };
const completed = {
  type: 'response.completed',
  response: {
    usage: {
      input_tokens: 10,
      output_tokens: 5,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens_details: { reasoning_tokens: 2 },
    },
  },
};
const delta = { type: 'response.output_text.delta', item_id: 'i', output_index: 0, delta: 'Hello' };
const mistral = (choice: object): object => ({ id: 'c', choices: [choice] });
const textChoice = { index: 0, delta: { content: 'Hello' }, finish_reason: 'stop' };

it.each<[string, Exclude<WireFormat, 'other'>, string]>([
  [
    'Gemini',
    'google',
    data(google([{ text: 'Hello' }]))
      .replaceAll(':', ' : ')
      .replace('data : ', 'data: '),
  ],
  [
    'Responses',
    'openai-responses',
    data(created) + data({ type: 'response.future', x: 1 }) + data(delta) + data(completed),
  ],
  ['Mistral', 'mistral', data(mistral(textChoice)).replaceAll(':', ' : ').replace('data : ', 'data: ')],
])('passes the events of %s on byte by byte if they are in order', async (_name, format, body) => {
  expect((await read(format, body)).text).toBe(body);
});

it.each<[string, Exclude<WireFormat, 'other'>, unknown[], unknown[]]>([
  [
    'unknown parts and images without data of Gemini',
    'google',
    [google([{ future: 1 }, { text: 'Hello' }, { inlineData: 7 }, null])],
    [google([{ text: 'Hello' }])],
  ],
  ['unknown chunks of Gemini', 'google', [{ modelVersion: 'x' }, google([])], [google([])]],
  [
    'counts of Gemini that are text',
    'google',
    [google([], { usageMetadata: { promptTokenCount: '10', promptTokensDetails: [{ modality: 7 }] } })],
    [google([], { usageMetadata: { promptTokenCount: 10 } })],
  ],
  [
    'a call of Gemini without a name',
    'google',
    [google([{ functionCall: { args: {} } }])],
    [google([{ functionCall: { name: 'unnamed_tool', args: {} } }])],
  ],
  [
    'a list of chunks of Gemini',
    'google',
    [[google([{ text: 'a' }]), google([{ text: 'b' }])]],
    [google([{ text: 'a' }]), google([{ text: 'b' }])],
  ],
  [
    'a chunk of Mistral without choices',
    'mistral',
    [mistral(textChoice), { usage: { prompt_tokens: '3', completion_tokens: 2 } }],
    [
      mistral(textChoice),
      {
        usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 0 },
        choices: [{ index: 0, delta: {}, finish_reason: null }],
      },
    ],
  ],
  [
    'a choice of Mistral without an index, with a strange role',
    'mistral',
    [mistral({ delta: { role: null, content: 'Hello' }, finish_reason: 'model_length' })],
    [mistral({ index: 0, delta: { content: 'Hello' }, finish_reason: 'length' })],
  ],
  [
    'a delta of Responses without an item, with strange log probabilities',
    'openai-responses',
    [created, { type: delta.type, delta: 'Hello', output_index: 2, logprobs: [{ token: 1 }] }, completed],
    [created, { type: delta.type, delta: 'Hello', output_index: 2, item_id: 'item_2' }, completed],
  ],
  [
    'a start of Responses without a response',
    'openai-responses',
    [{ type: 'response.created' }, completed],
    [{ type: 'response.created', response: { id: '', created_at: 0, model: '' } }, completed],
  ],
  [
    'counts of Responses that are text',
    'openai-responses',
    [{ type: 'response.completed', response: { usage: { input_tokens: '10', output_tokens: '5' } } }],
    [{ type: 'response.completed', response: { usage: { input_tokens: 10, output_tokens: 5 } } }],
  ],
  ['events after the end of Responses', 'openai-responses', [completed, delta], [completed]],
  [
    'an error of Gemini',
    'google',
    [{ error: { code: 503, status: 'UNAVAILABLE', message: 'x' } }],
    [{ error: { code: 503, status: 'UNAVAILABLE', message: 'x' } }],
  ],
])('repairs, drops or keeps %s', async (_name, format, given, expected) => {
  expect((await read(format, given.map(data).join(''))).events).toEqual(expected);
});

it.each<[string, Exclude<WireFormat, 'other'>, unknown, unknown]>([
  [
    'Gemini, whose thoughts are no part of the candidates',
    'google',
    google([], {
      usageMetadata: {
        promptTokenCount: 10,
        toolUsePromptTokenCount: 3,
        candidatesTokenCount: 5,
        thoughtsTokenCount: 2,
        cachedContentTokenCount: 4,
      },
    }),
    { input: 13, output: 7, cached: { read: 4, written: 0 }, reasoning: 2 },
  ],
  [
    'Responses',
    'openai-responses',
    completed,
    { input: 10, output: 5, cached: { read: 4, written: 0 }, reasoning: 2 },
  ],
  [
    'DeepSeek',
    'openai-chat',
    { choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, prompt_cache_hit_tokens: 4 } },
    { input: 10, output: 5, cached: { read: 4, written: 0 } },
  ],
  [
    'a provider that reports impossible counts',
    'openai-chat',
    { choices: [], usage: { prompt_tokens: -1, completion_tokens: 1e300 } },
    undefined,
  ],
])('reports the usage of %s', async (_name, format, event, expected) => {
  expect((await read(format, data(event))).reported).toEqual(expected);
});

it('reports what a failed response of Responses has used', async () => {
  const failed = { ...completed, type: 'response.failed' };
  expect((await read('openai-responses', data(failed))).reported).toMatchObject({ input: 10, output: 5 });
});

it.each<[string, Exclude<WireFormat, 'other'>, unknown]>([
  ['Gemini', 'google', { candidates: [{ content: { parts: [{ text: 'Hel' }] } }] }],
  ['Responses', 'openai-responses', delta],
])(
  'fails if the stream of %s ends early, because the AI SDK takes such an answer as complete',
  async (_name, format, event) => {
    await expect(read(format, data(event))).rejects.toThrow(StreamEndedEarlyError);
  },
);

it('calls the observer for all data, also of comments', async () => {
  let calls = 0;
  const observer: UsageObserver = { reported: undefined, onData: () => (calls += 1) };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of [': ping\n\n', ': ping\n\n', 'data: [DONE]\n\n'])
        controller.enqueue(Buffer.from(part));
      controller.close();
    },
  });
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  await (await tolerantResponse(response, { format: 'openai-chat', observer, maxEventBytes: 1_000 })).text();
  expect(calls).toBe(3);
});

it('reads the response only as fast as its events are read', async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(Buffer.from(data({ choices: [{ index: 0, delta: { content: 'x' } }] })));
      },
    },
    { highWaterMark: 0 },
  );
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const tolerant = await tolerantResponse(response, {
    format: 'openai-chat',
    observer: undefined,
    maxEventBytes: 1_000,
  });
  const reader = tolerant.body!.getReader();
  await reader.read();
  await reader.read();
  expect(pulled).toBe(2);
  await reader.cancel();
});

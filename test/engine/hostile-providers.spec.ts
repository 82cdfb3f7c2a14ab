import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import type { TestingModule } from '@nestjs/testing';
import { AgentNode } from '../../src/engine/agents/agent.node.js';
import { NodeError, TransientError } from '../../src/engine/extension/node-handler.js';
import { type RawAnswer, type RawProvider, startRawProvider } from '../support/raw-provider.js';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';

const KEY = 'test-key-that-must-not-leak';
const EVENT_MAX_BYTES = 100_000;

let provider: RawProvider;
let module: TestingModule;
let agent: AgentNode;
let toolUrl: string;
const tools = createServer((_request, response) => response.end('"sunny"'));

beforeAll(async () => {
  provider = await startRawProvider();
  await new Promise<void>((resolve) => tools.listen(0, '127.0.0.1', resolve));
  toolUrl = `http://127.0.0.1:${(tools.address() as AddressInfo).port}`;
  module = await nodeTypes({
    ANTHROPIC_API_KEY: KEY,
    ANTHROPIC_BASE_URL: provider.url,
    OPENAI_COMPATIBLE_BASE_URL: provider.url,
    OPENAI_COMPATIBLE_API_KEY: KEY,
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
    MODEL_IDLE_TIMEOUT_MS: '400',
    MODEL_EVENT_MAX_BYTES: String(EVENT_MAX_BYTES),
  });
  agent = module.get(AgentNode);
});
afterAll(async () => {
  await module.close();
  await provider.close();
  tools.closeAllConnections();
  await new Promise((resolve) => tools.close(resolve));
});

type Format = 'anthropic' | 'openai-compatible';
interface Expected {
  output?: string;
  thinking?: string;
  code?: string;
  /** Whether the engine repeats the attempt. */
  transient?: boolean;
  /** A part of the message. */
  reason?: string;
  usage?: Record<string, unknown>;
  finish?: string;
  /** The calls of tools: names and arguments. */
  calls?: [name: string, args: unknown][];
}
type Row = [title: string, format: Format, answer: RawAnswer | string, expected: Expected];

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

// ---- Anthropic ----
const event = (type: string, fields: object = {}): string => `event: ${type}\n${data({ type, ...fields })}`;
const messageStart = (usage: unknown = { input_tokens: 10, output_tokens: 1 }): string =>
  event('message_start', {
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: null,
      usage,
    },
  });
const blockStart = (index: unknown, content_block: unknown): string =>
  event('content_block_start', { index, content_block });
const blockDelta = (index: unknown, delta: unknown): string => event('content_block_delta', { index, delta });
const blockStop = (index: unknown): string => event('content_block_stop', { index });
const textBlock = (index: number, text: string): string =>
  blockStart(index, { type: 'text', text: '' }) +
  blockDelta(index, { type: 'text_delta', text }) +
  blockStop(index);
const toolBlock = (index: number, tool: object, ...parts: unknown[]): string =>
  blockStart(index, { type: 'tool_use', input: {}, ...tool }) +
  parts.map((partial_json) => blockDelta(index, { type: 'input_json_delta', partial_json })).join('') +
  blockStop(index);
const messageEnd = (stop_reason: unknown = 'end_turn', usage: unknown = { output_tokens: 5 }): string =>
  event('message_delta', { delta: { stop_reason, stop_sequence: null }, usage }) + event('message_stop');
const message = (...blocks: string[]): string => [messageStart(), ...blocks, messageEnd()].join('');

// ---- Chat completions ----
const chunk = (delta: unknown, finish_reason: unknown = null, more: object = {}): string =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1_800_000_000,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason }],
    ...more,
  });
const usageChunk = (usage: unknown, more: object = { choices: [] }): string =>
  data({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', usage, ...more });
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const DONE = 'data: [DONE]\n\n';
const END = chunk({}, 'stop') + usageChunk(USAGE) + DONE;
const chat = (...chunks: string[]): string => chunks.join('') + END;
const HELLO = chat(chunk({ content: 'Hello' }));
const call = (part: unknown): string => chunk({ tool_calls: [part] });
const calls = (...parts: unknown[]): string =>
  parts.map(call).join('') + chunk({}, 'tool_calls') + usageChunk(USAGE) + DONE;

const hello: Expected = { output: 'Hello', usage: { input: 10, output: 5 }, finish: 'stop' };
const broken: Expected = { code: 'model_stream_broken', transient: true };
const weather = (args: unknown = { city: 'Bonn' }): Expected => ({
  output: 'Hello',
  calls: [['weather', args]],
});
const bonn = JSON.stringify({ city: 'Bonn' });

const ANTHROPIC: Row[] = [
  [
    'an event of unknown type',
    'anthropic',
    message(event('usage_notice', { note: 1 }), textBlock(0, 'Hello')),
    hello,
  ],
  [
    'a block of unknown type, with deltas',
    'anthropic',
    message(
      blockStart(0, { type: 'future_block', x: 1 }) +
        blockDelta(0, { type: 'text_delta', text: 'no' }) +
        blockStop(0),
      textBlock(1, 'Hello'),
    ),
    hello,
  ],
  [
    'a delta of unknown type',
    'anthropic',
    message(
      blockStart(0, { type: 'text', text: '' }),
      blockDelta(0, { type: 'future_delta', x: 1 }) + blockDelta(0, { type: 'text_delta', text: 'Hello' }),
      blockStop(0),
    ),
    hello,
  ],
  [
    'usage as text',
    'anthropic',
    messageStart({ input_tokens: '10' }) +
      textBlock(0, 'Hello') +
      messageEnd('end_turn', { output_tokens: '5' }),
    hello,
  ],
  [
    'null in the place of usage',
    'anthropic',
    messageStart(null) + textBlock(0, 'Hello') + messageEnd('end_turn', null),
    { output: 'Hello', usage: { input: 1, output: 2 } },
  ],
  [
    'cached tokens',
    'anthropic',
    messageStart({
      input_tokens: 50,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 200,
      output_tokens: 1,
    }) +
      textBlock(0, 'Hello') +
      messageEnd('end_turn', { output_tokens: 7, output_tokens_details: { thinking_tokens: 2 } }),
    {
      output: 'Hello',
      usage: { input: 1250, output: 7, cached: { read: 1000, written: 200 }, reasoning: 2 },
    },
  ],
  [
    'unknown edits and iterations in the last event',
    'anthropic',
    messageStart() +
      textBlock(0, 'Hello') +
      event('message_delta', {
        delta: { stop_reason: 'end_turn', stop_details: { x: 1 }, container: 7, safeguard_results: 'ok' },
        usage: { output_tokens: 5, iterations: [{ type: 'future' }] },
        context_management: { applied_edits: [{ type: 'future_edit' }] },
        input_transformations: [{ y: 1 }],
      }) +
      event('message_stop'),
    hello,
  ],
  [
    'no type in the data, but in the event',
    'anthropic',
    message(`event: ping\ndata: {}\n\n`, textBlock(0, 'Hello')).replaceAll(
      '"type":"content_block_delta",',
      '',
    ),
    hello,
  ],
  [
    'a flood of pings',
    'anthropic',
    messageStart() + event('ping').repeat(5_000) + textBlock(0, 'Hello') + messageEnd(),
    hello,
  ],
  [
    'text without the start of its block',
    'anthropic',
    message(blockDelta(0, { type: 'text_delta', text: 'Hello' })),
    hello,
  ],
  [
    'text in the start of its block',
    'anthropic',
    message(
      blockStart(0, { type: 'text', text: 'Hel' }) +
        blockDelta(0, { type: 'text_delta', text: 'lo' }) +
        blockStop(0),
    ),
    hello,
  ],
  [
    'deltas with a wrong index',
    'anthropic',
    message(
      blockStart(0, { type: 'text', text: '' }) +
        blockDelta(7, { type: 'text_delta', text: 'Hello' }) +
        blockStop(7),
    ),
    hello,
  ],
  [
    'indexes as text',
    'anthropic',
    message(
      blockStart('0', { type: 'text', text: '' }) +
        blockDelta('0', { type: 'text_delta', text: 'Hello' }) +
        blockStop('0'),
    ),
    hello,
  ],
  [
    'no message_stop',
    'anthropic',
    (messageStart() + textBlock(0, 'Hello') + messageEnd()).replace(event('message_stop'), ''),
    hello,
  ],
  ['no end of the block', 'anthropic', message(textBlock(0, 'Hello').replace(blockStop(0), '')), hello],
  [
    'events after message_stop',
    'anthropic',
    message(textBlock(0, 'Hello')) + textBlock(1, ' again') + DONE,
    hello,
  ],
  [
    'an open connection after message_stop',
    'anthropic',
    { body: message(textBlock(0, 'Hello')), ending: 'hang' },
    hello,
  ],
  [
    'an end before the reason',
    'anthropic',
    messageStart({ input_tokens: 5000, output_tokens: 1 }) + textBlock(0, 'Hel'),
    { ...broken, usage: { input: 5000, incomplete: true } },
  ],
  [
    'a reset in the middle',
    'anthropic',
    { body: messageStart({ input_tokens: 5000, output_tokens: 1 }) + textBlock(0, 'Hel'), ending: 'reset' },
    { ...broken, usage: { input: 5000, output: 1, incomplete: true } },
  ],
  [
    'a silence in the middle',
    'anthropic',
    { body: messageStart({ input_tokens: 5000, output_tokens: 1 }), ending: 'hang' },
    { code: 'model_timeout', transient: true, usage: { input: 5000, output: 1, incomplete: true } },
  ],
  [
    'a refusal',
    'anthropic',
    messageStart() + textBlock(0, 'Sure, first you') + messageEnd('refusal'),
    { output: 'Sure, first you', finish: 'content-filter', usage: { incomplete: true } },
  ],
  [
    'a full context window',
    'anthropic',
    messageStart() + textBlock(0, 'Hel') + messageEnd('model_context_window_exceeded'),
    { output: 'Hel', finish: 'length', usage: { incomplete: true } },
  ],
  [
    'an unknown reason',
    'anthropic',
    messageStart() + textBlock(0, 'Hello') + messageEnd('future_reason'),
    { output: 'Hello', finish: 'other' },
  ],
  [
    'a reason that is no text',
    'anthropic',
    messageStart() + textBlock(0, 'Hello') + messageEnd({ x: 1 }),
    { output: 'Hello', finish: 'other' },
  ],
  [
    'an overload in the stream',
    'anthropic',
    messageStart() + event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
    { code: 'model_overloaded', transient: true, reason: 'Overloaded', usage: { input: 10 } },
  ],
  [
    'an error of unknown type in the stream',
    'anthropic',
    messageStart() + event('error', { error: { type: 'moon_error', message: 'The moon is full' } }),
    { code: 'model_failed', transient: false, reason: 'moon_error: The moon is full' },
  ],
  [
    'an error that is text in the stream',
    'anthropic',
    messageStart() + event('error', { error: 'out of memory' }),
    { code: 'model_failed', transient: false, reason: 'out of memory' },
  ],
  [
    'an error without a type',
    'anthropic',
    messageStart() + data({ error: { message: 'bad gateway', code: 502 } }),
    { code: 'model_unavailable', transient: true, reason: 'bad gateway' },
  ],
  [
    'a status in the text of an error',
    'anthropic',
    messageStart() + event('error', { error: { type: 'x', message: '503 Service Unavailable' } }),
    { code: 'model_unavailable', transient: true },
  ],
  [
    'thoughts with unknown members',
    'anthropic',
    message(
      blockStart(0, { type: 'thinking', thinking: 'hm', estimated_tokens: 3 }) +
        blockDelta(0, { type: 'signature_delta', signature: 's' }) +
        blockStop(0),
      textBlock(1, 'Hello'),
    ),
    { ...hello, thinking: 'hm' },
  ],
  [
    'citations of unknown types',
    'anthropic',
    message(
      blockStart(0, { type: 'text', text: '' }) +
        blockDelta(0, { type: 'citations_delta', citation: { type: 'future_location' } }) +
        blockDelta(0, { type: 'text_delta', text: 'Hello' }) +
        blockStop(0),
    ),
    hello,
  ],
  [
    'a call of a tool without an end',
    'anthropic',
    messageStart() +
      toolBlock(0, { id: 't', name: 'weather' }, bonn).replace(blockStop(0), '') +
      messageEnd('tool_use'),
    weather(),
  ],
  [
    'a call of a tool without an id',
    'anthropic',
    messageStart() + toolBlock(0, { name: 'weather' }, bonn) + messageEnd('tool_use'),
    weather(),
  ],
  [
    'a call of a tool without a name',
    'anthropic',
    messageStart() + toolBlock(0, { id: 't', name: '' }, bonn) + messageEnd('tool_use'),
    { output: 'Hello', calls: [['unnamed_tool', { city: 'Bonn' }]] },
  ],
  [
    'arguments of a tool as an object',
    'anthropic',
    messageStart() + toolBlock(0, { id: 't', name: 'weather' }, { city: 'Bonn' }) + messageEnd('tool_use'),
    weather(),
  ],
  [
    'arguments of a tool that are not JSON',
    'anthropic',
    messageStart() + toolBlock(0, { id: 't', name: 'weather' }, '{"city":') + messageEnd('tool_use'),
    weather({ arguments: '{"city":' }),
  ],
  [
    'arguments with a wrong index',
    'anthropic',
    messageStart() +
      blockStart(0, { type: 'tool_use', id: 't', name: 'weather', input: {} }) +
      blockDelta(3, { type: 'input_json_delta', partial_json: bonn }) +
      blockStop(0) +
      messageEnd('tool_use'),
    weather(),
  ],
  [
    'endless arguments of a tool',
    'anthropic',
    messageStart() +
      blockStart(0, { type: 'tool_use', id: 't', name: 'weather', input: {} }) +
      blockDelta(0, { type: 'input_json_delta', partial_json: 'x'.repeat(1_000) }).repeat(200),
    { code: 'model_failed', transient: false, reason: 'MODEL_EVENT_MAX_BYTES', usage: { input: 10 } },
  ],
  ['an empty answer', 'anthropic', message(), { output: '', finish: 'stop' }],
  [
    'an answer that was cut off before its text',
    'anthropic',
    messageStart() + messageEnd('max_tokens'),
    { code: 'model_answer_cut_off', transient: false, usage: { input: 10, output: 5, incomplete: true } },
  ],
  [
    'a lack of credit in the stream',
    'anthropic',
    event('error', { error: { type: 'billing_error', message: 'Pay.' } }),
    { code: 'model_quota_exceeded', transient: false },
  ],
  [
    'usage in the body of an error',
    'anthropic',
    {
      status: 529,
      type: 'application/json',
      body: JSON.stringify({
        type: 'error',
        error: { type: 'overloaded_error', message: 'x' },
        usage: { input_tokens: 7, output_tokens: 2 },
      }),
    },
    { code: 'model_overloaded', transient: true, usage: { input: 7, output: 2 } },
  ],
  [
    'an error before all events',
    'anthropic',
    event('error', { error: { type: 'moon_error', message: 'The moon is full' } }),
    { code: 'model_failed', transient: false, reason: 'The moon is full' },
  ],
  [
    'an error of a strange shape before all events',
    'anthropic',
    data({ error: 'out of memory' }),
    { code: 'model_failed', transient: false, reason: 'out of memory' },
  ],
  [
    'text before all events',
    'anthropic',
    'data: Bad Gateway\n\n',
    { code: 'model_unavailable', transient: true, reason: 'Bad Gateway' },
  ],
  [
    'an overload before all events',
    'anthropic',
    event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
    { code: 'model_overloaded', transient: true },
  ],
  ['the answer to a chat completion', 'anthropic', HELLO, broken],
  [
    'a message that begins twice',
    'anthropic',
    messageStart() + messageStart() + textBlock(0, 'Hello') + messageEnd(),
    hello,
  ],
  [
    'two messages at once',
    'anthropic',
    messageStart() +
      textBlock(0, 'Hel') +
      messageStart().replace('msg_1', 'msg_2') +
      textBlock(0, 'Hello') +
      messageEnd(),
    { code: 'model_failed', transient: false, reason: 'msg_2' },
  ],
  [
    'events out of order',
    'anthropic',
    messageStart() +
      messageEnd().replace(event('message_stop'), '') +
      textBlock(0, 'Hello') +
      event('message_stop'),
    hello,
  ],
  [
    'a block whose index is in use',
    'anthropic',
    message(blockStart(0, { type: 'text', text: 'Hel' }) + blockStart(0, { type: 'text', text: 'lo' })),
    hello,
  ],
  [
    'endless blocks',
    'anthropic',
    messageStart() + blockStart(0, { type: 'future' }).repeat(200),
    { code: 'model_failed', transient: false, reason: 'MODEL_EVENT_MAX_BYTES' },
  ],
  [
    'a whole answer as JSON',
    'anthropic',
    {
      type: 'application/json',
      body: JSON.stringify({
        type: 'message',
        id: 'm',
        role: 'assistant',
        model: 'm',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'text', text: 'Hello' },
        ],
        stop_reason: 'end_turn',
        usage: { input_tokens: 10, output_tokens: 5 },
      }),
    },
    { ...hello, thinking: 'hm' },
  ],
];

const CHAT: Row[] = [
  [
    'a chunk without choices',
    'openai-compatible',
    chunk({ content: 'Hello' }) + chunk({}, 'stop') + usageChunk(USAGE, {}) + DONE,
    hello,
  ],
  [
    'choices that are null',
    'openai-compatible',
    chunk({ content: 'Hello' }) + chunk({}, 'stop') + usageChunk(USAGE, { choices: null }) + DONE,
    hello,
  ],
  [
    'choices as an object',
    'openai-compatible',
    data({ choices: { delta: { content: 'Hello' } } }) + END,
    hello,
  ],
  [
    'counts as text',
    'openai-compatible',
    chunk({ content: 'Hello' }) +
      chunk({}, 'stop') +
      usageChunk({ prompt_tokens: '10', completion_tokens: '5', prompt_tokens_details: 'none' }) +
      DONE,
    hello,
  ],
  [
    'negative counts',
    'openai-compatible',
    chunk({ content: 'Hello' }) +
      chunk({}, 'stop') +
      usageChunk({ prompt_tokens: -500_000, completion_tokens: 600_000 }) +
      DONE,
    { output: 'Hello', usage: { input: expect.any(Number), output: 600_000 } },
  ],
  [
    'counts with fractions',
    'openai-compatible',
    chunk({ content: 'Hello' }) +
      chunk({}, 'stop') +
      usageChunk({ prompt_tokens: 10.5, completion_tokens: 2.25 }) +
      DONE,
    { output: 'Hello', usage: { input: 11, output: 3 } },
  ],
  [
    'usage that is null in each chunk',
    'openai-compatible',
    chunk({ content: 'Hello' }, null, { usage: null }) + END,
    hello,
  ],
  [
    'usage in each chunk, as a running total',
    'openai-compatible',
    chunk({ content: 'Hel' }, null, { usage: { prompt_tokens: 10, completion_tokens: 1 } }) +
      chunk({ content: 'lo' }, null, { usage: { prompt_tokens: 10, completion_tokens: 2 } }) +
      END,
    hello,
  ],
  [
    'usage in a place of its own',
    'openai-compatible',
    chunk({ content: 'Hello' }) + chunk({}, 'stop', { x_groq: { usage: USAGE } }) + DONE,
    hello,
  ],
  [
    'cached and reasoning tokens',
    'openai-compatible',
    chunk({ content: 'Hello' }) +
      chunk({}, 'stop') +
      usageChunk({
        ...USAGE,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 3 },
      }) +
      DONE,
    { output: 'Hello', usage: { input: 10, output: 5, cached: { read: 4, written: 0 }, reasoning: 3 } },
  ],
  [
    'message in the place of delta',
    'openai-compatible',
    data({ choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' } }] }) + END,
    hello,
  ],
  [
    'a whole message after the pieces',
    'openai-compatible',
    chunk({ content: 'Hello' }) +
      data({
        object: 'chat.completion',
        choices: [{ index: 0, message: { content: 'Hello' }, finish_reason: 'stop' }],
        usage: USAGE,
      }) +
      DONE,
    hello,
  ],
  [
    'text in the place of delta',
    'openai-compatible',
    data({ choices: [{ index: 0, text: 'Hello' }] }) + END,
    hello,
  ],
  [
    'a whole answer as JSON',
    'openai-compatible',
    {
      type: 'application/json',
      body: JSON.stringify({
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
        usage: USAGE,
      }),
    },
    hello,
  ],
  [
    'a strange role, id, model and date',
    'openai-compatible',
    chunk({ role: 'model', content: 'Hello' }, null, { id: 7, created: '1800000000', model: { name: 'm' } }) +
      END,
    hello,
  ],
  [
    'null members',
    'openai-compatible',
    chunk(
      { role: null, content: 'Hello', refusal: null, tool_calls: null, reasoning: null, function_call: null },
      null,
      { error: null, logprobs: null },
    ) + END,
    hello,
  ],
  [
    'an empty error in each chunk',
    'openai-compatible',
    chunk({ content: 'Hello' }, null, { error: {} }) + END,
    hello,
  ],
  [
    'text as parts, with an image and unknown types',
    'openai-compatible',
    chunk({
      content: [
        { type: 'text', text: 'Hel' },
        { type: 'image_url', image_url: 7 },
        { type: 'future' },
        'lo',
        null,
      ],
    }) + END,
    hello,
  ],
  [
    'images as members',
    'openai-compatible',
    chunk({ content: 'Hello', images: [{ type: 'image_url' }], audio: { id: 'x' }, annotations: [] }) + END,
    hello,
  ],
  [
    'reasoning_content',
    'openai-compatible',
    chunk({ reasoning_content: 'hm' }) + chunk({ content: 'Hello' }) + END,
    { ...hello, thinking: 'hm' },
  ],
  [
    'reasoning as an object, and details of it',
    'openai-compatible',
    chunk({ reasoning: { text: 'hm' }, reasoning_details: [{ type: 'x' }] }) +
      chunk({ content: 'Hello' }) +
      END,
    { ...hello, thinking: 'hm' },
  ],
  [
    'thinking',
    'openai-compatible',
    chunk({ thinking: 'hm', content: '' }) + chunk({ content: 'Hello' }) + END,
    { ...hello, thinking: 'hm' },
  ],
  [
    'a refusal',
    'openai-compatible',
    chunk({ refusal: 'I cannot' }) + END,
    { output: 'I cannot', finish: 'content-filter' },
  ],
  [
    'log probabilities with -Infinity',
    'openai-compatible',
    chunk({ content: 'Hello' }).replace(
      '"finish_reason":null',
      '"finish_reason":null,"logprobs":{"content":[{"token":"\\"NaN\\"","logprob":-Infinity},NaN]}',
    ) + END,
    hello,
  ],
  [
    'a list of chunks in one event',
    'openai-compatible',
    data([JSON.parse(chunk({ content: 'Hel' }).slice(6)), JSON.parse(chunk({ content: 'lo' }).slice(6))]) +
      END,
    hello,
  ],
  [
    'events of a type of their own',
    'openai-compatible',
    data({ type: 'ping' }) +
      data({}) +
      data(null) +
      data(7) +
      'data:\n\n' +
      chunk({ content: 'Hello' }) +
      END,
    hello,
  ],
  [
    'comments that keep the connection open',
    'openai-compatible',
    ': OPENROUTER PROCESSING\n\n'.repeat(2_000) + HELLO,
    hello,
  ],
  ['a byte order mark and CRLF', 'openai-compatible', `\uFEFF${HELLO}`.replaceAll('\n', '\r\n'), hello],
  ['lines that end with CR', 'openai-compatible', HELLO.replaceAll('\n', '\r'), hello],
  ['data over several lines', 'openai-compatible', HELLO.replace('"choices"', '\ndata: "choices"'), hello],
  [
    'one byte at a time',
    'openai-compatible',
    { body: Array.from(Buffer.from(chat(chunk({ content: 'Grüße 🌍' }))), (byte) => Buffer.from([byte])) },
    { ...hello, output: 'Grüße 🌍' },
  ],
  [
    'no empty line at the end',
    'openai-compatible',
    (chunk({ content: 'Hello' }) + usageChunk(USAGE) + chunk({}, 'stop')).trimEnd(),
    hello,
  ],
  ['no [DONE]', 'openai-compatible', HELLO.replace(DONE, ''), hello],
  [
    '[DONE] without a reason',
    'openai-compatible',
    chunk({ content: 'Hello' }) + usageChunk(USAGE) + DONE,
    hello,
  ],
  [
    '[DONE] twice, and chunks after it',
    'openai-compatible',
    HELLO + DONE + chunk({ content: ' again' }) + data({ error: { message: 'late' } }),
    hello,
  ],
  ['an open connection after [DONE]', 'openai-compatible', { body: HELLO, ending: 'hang' }, hello],
  ['a flood after [DONE]', 'openai-compatible', HELLO + 'x'.repeat(300_000), hello],
  [
    'an empty reason in each chunk',
    'openai-compatible',
    chunk({ content: 'Hel' }, '') + chunk({ content: 'lo' }, '') + END,
    hello,
  ],
  ['an empty reason and then the end', 'openai-compatible', chunk({ content: 'Hel' }, ''), broken],
  [
    'the reason MAX_TOKENS',
    'openai-compatible',
    chunk({ content: 'Hel' }) + chunk({}, 'MAX_TOKENS') + DONE,
    { output: 'Hel', finish: 'length', usage: { incomplete: true } },
  ],
  [
    'the reason eos',
    'openai-compatible',
    chunk({ content: 'Hello' }) + chunk({}, 'eos') + usageChunk(USAGE) + DONE,
    hello,
  ],
  [
    'the reason content_filter after text',
    'openai-compatible',
    chunk({ content: 'Step one' }) + chunk({}, 'content_filter') + DONE,
    { output: 'Step one', finish: 'content-filter', usage: { incomplete: true } },
  ],
  [
    'the reason content_filter without text',
    'openai-compatible',
    chunk({}, 'content_filter') + DONE,
    { code: 'model_filtered', transient: false },
  ],
  [
    'the reason length without text',
    'openai-compatible',
    chunk({ content: '', reasoning_content: 'all I did was think' }) +
      chunk({ content: '' }, 'length') +
      usageChunk({ prompt_tokens: 10, completion_tokens: 8000 }) +
      DONE,
    { code: 'model_answer_cut_off', transient: false, usage: { input: 10, output: 8000, incomplete: true } },
  ],
  ['the reason error', 'openai-compatible', chunk({ content: 'Hel' }) + chunk({}, 'error') + DONE, broken],
  ['an empty answer', 'openai-compatible', chunk({ content: '' }) + END, { output: '', finish: 'stop' }],
  ['an empty stream', 'openai-compatible', '', broken],
  ['only comments', 'openai-compatible', ': ping\n\n'.repeat(5), broken],
  ['only [DONE]', 'openai-compatible', DONE, broken],
  ['a reset before the first event', 'openai-compatible', { body: ': ping\n\n', ending: 'reset' }, broken],
  [
    'a reset after the usage',
    'openai-compatible',
    {
      body: chunk({ content: 'Hel' }, null, { usage: { prompt_tokens: 10, completion_tokens: 1 } }),
      ending: 'reset',
    },
    { ...broken, usage: { input: 10, output: 1, incomplete: true } },
  ],
  [
    'an event that is cut off',
    'openai-compatible',
    chunk({ content: 'Hel' }) + 'data: {"id":"c","choices":[{"delta":{"con',
    broken,
  ],
  [
    'an event that is damaged',
    'openai-compatible',
    chunk({ content: 'Hel' }) + 'data: {"id":"c","choices":[{"delta":{"con\n\n' + END,
    broken,
  ],
  [
    'an event without an end',
    'openai-compatible',
    'data: {"choices":[{"delta":{"content":"' + 'x'.repeat(2 * EVENT_MAX_BYTES),
    { code: 'model_failed', transient: false, reason: 'MODEL_EVENT_MAX_BYTES' },
  ],
  [
    'a line without an end that is no event',
    'openai-compatible',
    'x'.repeat(2 * EVENT_MAX_BYTES),
    { code: 'model_refused_request', transient: false, reason: 'xxx' },
  ],
  [
    'an error that is text',
    'openai-compatible',
    data({ error: 'model runner has unexpectedly stopped' }) + DONE,
    { code: 'model_failed', transient: false, reason: 'model runner has unexpectedly stopped' },
  ],
  [
    'an error beside choices',
    'openai-compatible',
    chunk({ content: 'Hel' }) +
      chunk({ content: '' }, 'error', { error: { code: 502, message: 'Provider disconnected' } }),
    { code: 'model_unavailable', transient: true, reason: 'Provider disconnected' },
  ],
  [
    'an error of an event named error',
    'openai-compatible',
    `event: error\n${data({ detail: [{ loc: ['body', 'n'], msg: 'too many' }] })}`,
    { code: 'model_failed', transient: false, reason: 'body.n: too many' },
  ],
  [
    'an error with the name of Google',
    'openai-compatible',
    data({ error: { status: 'UNAVAILABLE', message: 'try later' } }),
    { code: 'model_unavailable', transient: true, reason: 'try later' },
  ],
  [
    'an error after the usage',
    'openai-compatible',
    usageChunk(USAGE) + data({ error: { message: 'boo', type: 'strange' } }),
    {
      code: 'model_failed',
      transient: false,
      reason: 'strange: boo',
      usage: { input: 10, output: 5, incomplete: true },
    },
  ],
  [
    'text that is not JSON',
    'openai-compatible',
    'data: Internal Server Error\n\n',
    { code: 'model_unavailable', transient: true, reason: 'Internal Server Error' },
  ],
  [
    'text that is not JSON and not known',
    'openai-compatible',
    'data: the gateway has lost its mind\n\n',
    { code: 'model_failed', transient: false, reason: 'the gateway has lost its mind' },
  ],
  [
    'no credit (429)',
    'openai-compatible',
    {
      status: 429,
      type: 'application/json',
      body: JSON.stringify({
        error: {
          message: 'You exceeded your current quota',
          type: 'insufficient_quota',
          code: 'insufficient_quota',
        },
      }),
    },
    { code: 'model_quota_exceeded', transient: false, reason: 'You exceeded your current quota' },
  ],
  [
    'no credit, in the stream',
    'openai-compatible',
    data({
      error: {
        message: 'You exceeded your current quota',
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      },
    }),
    { code: 'model_quota_exceeded', transient: false },
  ],
  [
    'an error that is JSON with status 200',
    'openai-compatible',
    { type: 'application/json', body: '{"error":"Unexpected endpoint or method. (POST /chat/completions)"}' },
    { code: 'model_refused_request', transient: false, reason: 'Unexpected endpoint' },
  ],
  [
    'a page with status 200',
    'openai-compatible',
    { type: 'text/html', body: '<html><body>Sign in to continue</body></html>' },
    { code: 'model_refused_request', transient: false, reason: 'Sign in to continue' },
  ],
  [
    'a page that is declared an event stream',
    'openai-compatible',
    '<!doctype html>\n<html><head><title>Sign in</title></head><body></body></html>',
    { code: 'model_refused_request', transient: false, reason: 'Sign in' },
  ],
  [
    'JSON that is declared an event stream',
    'openai-compatible',
    '{"error":{"message":"come back later","type":"overloaded_error"}}',
    { code: 'model_overloaded', transient: true, reason: 'come back later' },
  ],
  [
    'a page with a title alone',
    'openai-compatible',
    {
      status: 504,
      type: 'text/html',
      body: '<html><head><title>504 Gateway Time-out</title></head><body></body></html>',
    },
    { code: 'model_unavailable', transient: true, reason: '504 Gateway Time-out' },
  ],
  [
    'a problem with a title and a detail',
    'openai-compatible',
    {
      status: 422,
      type: 'application/problem+json',
      body: '{"title":"Invalid","detail":"the stop list is too long"}',
    },
    { code: 'model_refused_request', transient: false, reason: 'the stop list is too long' },
  ],
  [
    'an endless body of an error',
    'openai-compatible',
    { status: 400, type: 'text/plain', body: 'no '.repeat(100_000), ending: 'hang' },
    { code: 'model_refused_request', transient: false, reason: 'no no no' },
  ],
  ['an event stream that is declared HTML', 'openai-compatible', { type: 'text/html', body: HELLO }, hello],
  [
    'no content (204)',
    'openai-compatible',
    { status: 204, type: null },
    { code: 'model_refused_request', transient: false },
  ],
  [
    'a redirect',
    'openai-compatible',
    { status: 302, headers: { location: 'http://127.0.0.1:9/' } },
    { code: 'model_refused_request', transient: false, reason: '302' },
  ],
  [
    'early hints before the answer',
    'openai-compatible',
    {
      raw: `HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${HELLO}`,
    },
    hello,
  ],
  [
    'a body that is compressed',
    'openai-compatible',
    { headers: { 'content-encoding': 'gzip' }, body: gzipSync(HELLO) },
    hello,
  ],
  [
    'a body that is declared gzip and is not',
    'openai-compatible',
    { headers: { 'content-encoding': 'gzip' }, body: HELLO },
    broken,
  ],
  [
    'a length that is too large',
    'openai-compatible',
    {
      raw: `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n${chunk({ content: 'Hel' })}`,
    },
    broken,
  ],
  [
    'bytes that are no HTTP',
    'openai-compatible',
    { raw: 'SSH-2.0-OpenSSH_9.9\r\n\r\n' },
    { code: 'model_unavailable', transient: true },
  ],
  [
    'a call of a tool',
    'openai-compatible',
    calls(
      { index: 0, id: 'a', type: 'function', function: { name: 'weather', arguments: '' } },
      { index: 0, function: { arguments: bonn } },
    ),
    weather(),
  ],
  [
    'a call without an index',
    'openai-compatible',
    calls(
      { id: 'a', function: { name: 'weather', arguments: '{"city":' } },
      { function: { arguments: '"Bonn"}' } },
    ),
    weather(),
  ],
  [
    'a call without an id',
    'openai-compatible',
    calls({ index: 0, function: { name: 'weather', arguments: bonn } }),
    weather(),
  ],
  [
    'a call whose name comes later',
    'openai-compatible',
    calls(
      { index: 0, id: 'a', function: { arguments: '{"city"' } },
      { index: 0, function: { name: 'weather', arguments: ':"Bonn"}' } },
    ),
    weather(),
  ],
  [
    'a call without a name',
    'openai-compatible',
    calls({ index: 0, id: 'a', function: { arguments: bonn } }),
    { output: 'Hello', calls: [['unnamed_tool', { city: 'Bonn' }]] },
  ],
  [
    'a call with an empty name',
    'openai-compatible',
    calls({ index: 0, id: 'a', function: { name: '', arguments: bonn } }),
    { output: 'Hello', calls: [['unnamed_tool', { city: 'Bonn' }]] },
  ],
  [
    'a call of an unknown tool',
    'openai-compatible',
    calls({ index: 0, id: 'a', function: { name: 'unheard', arguments: '{}' } }),
    { output: 'Hello', calls: [['unheard', {}]] },
  ],
  [
    'a call with arguments as an object',
    'openai-compatible',
    calls({ index: 0, id: 'a', function: { name: 'weather', arguments: { city: 'Bonn' } } }),
    weather(),
  ],
  [
    'a call with arguments that are not JSON',
    'openai-compatible',
    calls({ index: 0, id: 'a', function: { name: 'weather', arguments: 'Bonn' } }),
    weather({ arguments: 'Bonn' }),
  ],
  [
    'a call without arguments',
    'openai-compatible',
    calls({ index: 0, id: 'a', function: { name: 'weather' } }),
    weather({}),
  ],
  [
    'a call without function',
    'openai-compatible',
    calls({ index: 0, id: 'a', name: 'weather', arguments: bonn }),
    weather(),
  ],
  [
    'a name and an id in each part',
    'openai-compatible',
    calls(
      { index: 0, id: 'a', function: { name: 'weather', arguments: '{"city":' } },
      { index: 0, id: 'a', function: { name: 'weather', arguments: '"Bonn"}' } },
    ),
    weather(),
  ],
  [
    'parallel calls',
    'openai-compatible',
    calls(
      { index: 0, id: 'a', function: { name: 'weather', arguments: '{"city":' } },
      { index: 1, id: 'b', function: { name: 'weather', arguments: '{"city":' } },
      { index: 0, function: { arguments: '1}' } },
      { index: 1, function: { arguments: '2}' } },
    ),
    {
      output: 'Hello',
      calls: [
        ['weather', { city: 1 }],
        ['weather', { city: 2 }],
      ],
    },
  ],
  [
    'parallel calls with one index',
    'openai-compatible',
    calls(
      { index: 0, id: 'a', function: { name: 'weather', arguments: '{"city":1}' } },
      { index: 0, id: 'b', function: { name: 'weather', arguments: '{"city":2}' } },
    ),
    {
      output: 'Hello',
      calls: [
        ['weather', { city: 1 }],
        ['weather', { city: 2 }],
      ],
    },
  ],
  [
    'parallel calls without any label',
    'openai-compatible',
    calls(
      { function: { name: 'weather', arguments: '{"city":1}' } },
      { function: { name: 'weather', arguments: '{"city":2}' } },
    ),
    {
      output: 'Hello',
      calls: [
        ['weather', { city: 1 }],
        ['weather', { city: 2 }],
      ],
    },
  ],
  [
    'parallel calls with one id',
    'openai-compatible',
    calls(
      { index: 0, id: 'a', function: { name: 'weather', arguments: '{"city":1}' } },
      { index: 1, id: 'a', function: { name: 'weather', arguments: '{"city":2}' } },
    ),
    {
      output: 'Hello',
      calls: [
        ['weather', { city: 1 }],
        ['weather', { city: 2 }],
      ],
    },
  ],
  [
    'calls whose indexes begin at 1',
    'openai-compatible',
    calls(
      { index: 1, id: 'a', function: { name: 'weather', arguments: '{"city":' } },
      { index: 1, function: { arguments: '"Bonn"}' } },
    ),
    weather(),
  ],
  [
    'calls with the reason stop',
    'openai-compatible',
    call({ index: 0, id: 'a', function: { name: 'weather', arguments: bonn } }) + END,
    weather(),
  ],
  [
    'a legacy call of a function',
    'openai-compatible',
    chunk({ function_call: { name: 'weather', arguments: '{"city":' } }) +
      chunk({ function_call: { arguments: '"Bonn"}' } }) +
      chunk({}, 'function_call') +
      DONE,
    weather(),
  ],
  [
    'endless calls',
    'openai-compatible',
    call({ id: 'a', function: { name: 'weather', arguments: 'x'.repeat(5_000) } }).repeat(30),
    { code: 'model_failed', transient: false, reason: 'MODEL_EVENT_MAX_BYTES' },
  ],
  [
    'a status that is not of HTTP',
    'openai-compatible',
    { raw: 'HTTP/1.1 999 Denied\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope' },
    { code: 'model_failed', transient: false },
  ],
  [
    'a page without an end that is declared an event stream',
    'openai-compatible',
    { body: '<p>Sign in</p>\n'.repeat(10_000), ending: 'hang' },
    { code: 'model_refused_request', transient: false, reason: 'Sign in' },
  ],
  [
    'endless comments and fields, and then the answer',
    'openai-compatible',
    ': x\nretry: 5\nevent: message\n\n'.repeat(10_000) + HELLO,
    hello,
  ],
];

describe.each([
  ['Anthropic', ANTHROPIC],
  ['chat completions', CHAT],
] as [string, Row[]][])('a hostile provider of %s sends', (_name, rows) => {
  it.each(rows)('%s', async (_title, format, given, expected) => {
    const answer = typeof given === 'string' ? { body: given } : given;
    const { calls: expectedCalls } = expected;
    // After a call of a tool the model is asked again.
    const after = format === 'anthropic' ? message(textBlock(0, 'Hello')) : HELLO;
    provider.script(answer, ...(expectedCalls ? [{ body: after }] : []));
    const before = provider.requests.length;
    const tool = {
      name: 'weather',
      description: 'The weather of a city.',
      inputSchema: { type: 'object' },
      http: { method: 'GET', url: toolUrl },
    };
    const config = { model: `${format}/m`, prompt: 'Hi', ...(expectedCalls && { tools: [tool] }) };
    const run = testRun(agent.config.parse(config));
    const result = await agent.run(run).then(
      (output) => ({ output }),
      (error: unknown) => ({ error }),
    );
    const error = 'error' in result ? (result.error as NodeError) : undefined;
    expect({
      output: 'output' in result ? result.output : undefined,
      code: error?.code,
      transient: error && error instanceof TransientError,
    }).toEqual({ output: expected.output, code: expected.code, transient: expected.transient });
    if (expected.reason !== undefined) expect(error!.message).toContain(expected.reason);
    if (expected.thinking !== undefined) expect(run.text('execution:thinking')).toBe(expected.thinking);
    if (expected.usage) expect(run.usage[0]).toMatchObject(expected.usage);
    if (expected.finish !== undefined) expect(run.finish.finishReason).toBe(expected.finish);
    if (expectedCalls) {
      const made = run.events.flatMap((each) =>
        each.type === 'execution:tool-call' ? [[each.toolName, each.toolArgs]] : [],
      );
      expect(made).toEqual(expectedCalls);
    }
    expect(provider.requests.length - before).toBe(expectedCalls ? 2 : 1);
  });
});

it('keeps the connection for the next call', async () => {
  const before = provider.connections();
  for (const [format, body] of [
    ['openai-compatible', HELLO],
    ['anthropic', message(textBlock(0, 'Hello'))],
  ] as const) {
    for (let index = 0; index < 5; index += 1) {
      provider.script({ body });
      await agent.run(testRun(agent.config.parse({ model: `${format}/m`, prompt: 'Hi' })));
    }
  }
  // An earlier test may have left a connection.
  expect(provider.connections() - before).toBeLessThanOrEqual(1);
});

it('does not send a blank system prompt', async () => {
  provider.script({ body: message(textBlock(0, 'Hello')) });
  await agent.run(testRun(agent.config.parse({ model: 'anthropic/m', prompt: 'Hi', system: '  ' })));
  expect(provider.requests.at(-1)).not.toHaveProperty('system');
});

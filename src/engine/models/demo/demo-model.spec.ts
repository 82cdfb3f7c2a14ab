import type {
  JSONObject,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { setTimeout as sleep } from 'node:timers/promises';
import { DemoModel } from './demo-model.js';

const model = new DemoModel('echo');

const call = (
  demo: JSONObject,
  prompt = 'Tell me about bees',
  more: Partial<LanguageModelV4CallOptions> = {},
): LanguageModelV4CallOptions => ({
  prompt: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
  providerOptions: { demo: { delayMs: 0, ...demo } },
  ...more,
});

async function collect(options: LanguageModelV4CallOptions) {
  const parts: LanguageModelV4StreamPart[] = [];
  for await (const part of (await model.doStream(options)).stream) parts.push(part);
  const chunks = (type: 'text-delta' | 'reasoning-delta') =>
    parts.flatMap((part) => (part.type === type ? [part.delta] : []));
  return {
    parts,
    text: chunks('text-delta'),
    thinking: chunks('reasoning-delta'),
    finish: parts.find((part) => part.type === 'finish'),
  };
}

it('gives the same prompt the same answer, in sentences that quote the prompt', async () => {
  const [first, again, other] = await Promise.all([
    collect(call({})),
    collect(call({})),
    collect(call({}, 'Tell me about ants')),
  ]);
  expect(again.parts).toEqual(first.parts);
  expect(first.text.join('')).toMatch(/^You asked: "Tell me about bees"\.( [A-Z][^.]+\.){5,}$/);
  expect(other.text.join('')).not.toBe(first.text.join(''));
});

it('gives the same answer with any number of chunks', async () => {
  expect((await collect(call({ chunks: 7 }))).text.join('')).toBe(
    (await collect(call({ chunks: 60 }))).text.join(''),
  );
});

it.each([1, 2, 3, 39, 40, 41, 79, 80, 81, 1000, 100_000])(
  'sends exactly %i chunks, none of them empty',
  async (chunks) => {
    const { text } = await collect(call({ chunks, thinking: Math.min(chunks, 1000) }));
    expect(text).toHaveLength(chunks);
    expect(text.every((chunk) => chunk.length > 0)).toBe(true);
  },
);

it('sends 40 chunks by default', async () => {
  expect((await collect(call({}))).text).toHaveLength(40);
});

it.each([
  ['😀é\u0301 a fixed text', 5, 5],
  ['abc', 40, 3],
  ['', 40, 0],
])('streams the configured text %j', async (text, chunks, count) => {
  const sent = (await collect(call({ text, chunks }))).text;
  expect([sent.join(''), sent.length]).toEqual([text, count]);
  expect(sent.every((chunk) => chunk.isWellFormed())).toBe(true);
});

it('sends the configured number of thinking chunks before the answer', async () => {
  const { parts, thinking } = await collect(call({ thinking: 12 }));
  expect(thinking).toHaveLength(12);
  expect(parts.findLastIndex(({ type }) => type === 'reasoning-delta')).toBeLessThan(
    parts.findIndex(({ type }) => type === 'text-delta'),
  );
});

it('counts one token for four characters, rounded up', async () => {
  const { finish } = await collect(call({ text: 'x'.repeat(9) }, 'y'.repeat(13)));
  expect(finish).toMatchObject({ usage: { inputTokens: { total: 4 }, outputTokens: { total: 3, text: 3 } } });
});

it('calls the configured tool and answers after the result', async () => {
  const toolCall = { name: 'weather', args: { city: 'Oslo' } };
  const first = await collect(call({ toolCall }));
  expect(first.parts).toContainEqual(
    expect.objectContaining({ type: 'tool-call', toolName: 'weather', input: '{"city":"Oslo"}' }),
  );
  expect(first.finish).toMatchObject({ finishReason: { unified: 'tool-calls' } });
  const result = {
    type: 'tool-result' as const,
    toolCallId: 'a',
    toolName: 'weather',
    output: { type: 'text' as const, value: 'sun' },
  };
  const options = call({ toolCall });
  const second = await collect({
    ...options,
    prompt: [...options.prompt, { role: 'tool', content: [result] }],
  });
  expect(second.finish).toMatchObject({ finishReason: { unified: 'stop' } });
});

it('fails the configured number of attempts', async () => {
  const attempt = (number: number) => {
    const options = call({ failTimes: 2 });
    return model.doStream({
      ...options,
      providerOptions: { ...options.providerOptions, execution: { attempt: number } },
    });
  };
  await expect(attempt(1)).rejects.toMatchObject({ statusCode: 503 });
  await expect(attempt(2)).rejects.toMatchObject({ statusCode: 503 });
  await expect(attempt(3)).resolves.toBeDefined();
});

it('waits the configured delay before each chunk', async () => {
  const started = performance.now();
  await collect(call({ chunks: 5, delayMs: 30 }));
  expect(performance.now() - started).toBeGreaterThanOrEqual(145);
});

it.each([
  ['between chunks', { delayMs: 60_000 }],
  ['while it hangs after its first chunk', { hang: true }],
  ['while it streams without a delay', { chunks: 100_000 }],
])(
  'stops immediately when aborted %s',
  async (_when, demo) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const ended = collect(call(demo, 'p', { abortSignal: controller.signal }));
    await sleep(20);
    controller.abort(reason);
    await expect(ended).rejects.toBe(reason);
  },
  // Half of the delay between chunks.
  30_000,
);

it('does not block the event loop while it streams without a delay', async () => {
  let turns = 0;
  const beat = setInterval(() => (turns += 1), 1);
  await collect(call({ chunks: 50_000 }));
  clearInterval(beat);
  expect(turns).toBeGreaterThan(5);
});

it('returns the whole answer from doGenerate', async () => {
  const { text } = await collect(call({ thinking: 3 }));
  const { content, finishReason } = await model.doGenerate(call({ thinking: 3 }));
  expect(content).toEqual([
    { type: 'reasoning', text: expect.any(String) as string },
    { type: 'text', text: text.join('') },
  ]);
  expect(finishReason.unified).toBe('stop');
});

const TOOL_RESULT: LanguageModelV4Message = {
  role: 'tool',
  content: [{ type: 'tool-result', toolCallId: 'a', toolName: 't', output: { type: 'text', value: 'sun' } }],
};
const toolNames = (parts: LanguageModelV4StreamPart[]) =>
  parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolName] : []));

it('calls several tools at once, in the configured number of rounds', async () => {
  const options = call({ toolCalls: [{ name: 'a' }, { name: 'b' }], rounds: 2 });
  const after = (count: number) =>
    collect({ ...options, prompt: [...options.prompt, ...Array.from({ length: count }, () => TOOL_RESULT)] });
  const [first, second, third] = await Promise.all([after(0), after(1), after(2)]);
  expect([first, second, third].map(({ parts }) => toolNames(parts))).toEqual([['a', 'b'], ['a', 'b'], []]);
  const ids = [first, second].flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : [])),
  );
  expect(new Set(ids).size).toBe(4);
  expect(third.finish).toMatchObject({ finishReason: { unified: 'stop' } });
});

it('calls no tool if it must answer, unless it is asked to ignore that', async () => {
  const none = { toolChoice: { type: 'none' as const } };
  const toolCall = { name: 'a' };
  expect(toolNames((await collect(call({ toolCall }, 'p', none))).parts)).toEqual([]);
  const { parts } = await collect(call({ toolCall, ignoresToolChoice: true }, 'p', none));
  expect(toolNames(parts)).toEqual(['a']);
});

it('ends with the configured reason', async () => {
  expect((await collect(call({ finishReason: 'length' }))).finish).toMatchObject({
    finishReason: { unified: 'length' },
  });
});

it('breaks off after some chunks, as often as configured', async () => {
  const attempt = (number: number) => {
    const options = call({ failTimes: 1, failAfterChunks: 3 });
    return collect({
      ...options,
      providerOptions: { ...options.providerOptions, execution: { attempt: number } },
    });
  };
  await expect(attempt(1)).rejects.toMatchObject({ message: 'terminated', cause: { code: 'ECONNRESET' } });
  expect((await attempt(2)).text).toHaveLength(40);
});

it('answers the newest message of a person, and says which files it got', async () => {
  const { text } = await collect(
    call({}, '', {
      prompt: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'First?' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'Yes.' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            {
              type: 'file',
              filename: 'cat.png',
              mediaType: 'image/png',
              data: { type: 'data', data: Buffer.alloc(9) },
            },
            { type: 'file', mediaType: 'text/plain', data: { type: 'text', text: 'né' } },
            { type: 'file', mediaType: 'image/gif', data: { type: 'data', data: 'AAAA' } },
          ],
        },
      ],
    }),
  );
  expect(text.join('')).toMatch(
    /^You asked: "What is this\?"\. You sent cat\.png \(image\/png, 9 bytes\), a file \(text\/plain, 3 bytes\), a file \(image\/gif, 3 bytes\)\. /,
  );
});

describe('structured output', () => {
  const responseFormat = {
    type: 'json' as const,
    schema: {
      type: 'object' as const,
      properties: { name: { type: 'string' as const }, age: { type: 'integer' as const, minimum: 18 } },
      required: ['name', 'age'],
    },
  };

  it('streams the smallest value that fits, and the same one for the same prompt', async () => {
    const [first, again] = await Promise.all([
      collect(call({ chunks: 5 }, 'p', { responseFormat })),
      collect(call({ chunks: 9 }, 'p', { responseFormat })),
    ]);
    expect(first.text).toHaveLength(5);
    expect(again.text.join('')).toBe(first.text.join(''));
    expect(JSON.parse(first.text.join(''))).toEqual({ name: expect.stringMatching(/./), age: 18 });
  });

  it('sends the configured text instead', async () => {
    expect((await collect(call({ text: 'no' }, 'p', { responseFormat }))).text.join('')).toBe('no');
  });

  it('gives answers that do not fit, as often as configured', async () => {
    const options = call({ invalidTimes: 1 }, 'p', { responseFormat });
    const first = (await collect(options)).text.join('');
    expect(() => JSON.parse(first) as unknown).toThrow();
    const repeated = await collect({
      ...options,
      prompt: [
        ...options.prompt,
        { role: 'assistant', content: [{ type: 'text', text: first }] },
        { role: 'user', content: [{ type: 'text', text: 'Answer again.' }] },
      ],
    });
    expect(JSON.parse(repeated.text.join(''))).toMatchObject({ age: 18 });
  });
});

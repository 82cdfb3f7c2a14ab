import fc from 'fast-check';
import { NodeError } from '../../extension/node-handler.js';
import { UnexpectedResponseError } from '../unexpected-response.js';
import type { UsageObserver } from '../usage-observer.js';
import { StreamEndedEarlyError } from './stream-ended-early-error.js';
import { tolerantResponse, type TolerantResponseOptions } from './tolerant-response.js';

type Format = TolerantResponseOptions['format'];
const FORMATS: Format[] = ['anthropic', 'openai-chat', 'openai-responses', 'google', 'mistral'];

/** Words of the protocols, so that the events come near to real ones. */
const WORDS =
  `type index delta content_block message usage error choices tool_calls function name id arguments finish_reason
candidates content parts functionCall response text usageMetadata input_tokens prompt_tokens iterations context_management
applied_edits item_id content_block_start content_block_delta content_block_stop message_start message_delta tool_use text_delta
input_json_delta partial_json response.output_text.delta response.created thinking __proto__ constructor toString stop
[DONE]`.split(/\s/);
const word = fc.constantFrom(...WORDS);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.constantFrom(null, 0, 1, -1, 1e300, true, 'x'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(word, tie('value'), { maxKeys: 5 }),
  ),
})).value;
const TYPES = WORDS.filter((each) => /_(start|delta|stop)$|^response\./.test(each));
const event = fc
  .tuple(fc.dictionary(word, value, { maxKeys: 6 }), fc.option(fc.constantFrom(...TYPES)))
  .map(([fields, type]) => JSON.stringify(type === null ? fields : { ...fields, type }));
const stream = fc
  .array(
    fc.oneof(
      event,
      value.map((each) => JSON.stringify(each)),
      word,
    ),
    { maxLength: 8 },
  )
  .map((events) => events.map((each) => `data: ${each}\n\n`).join(''));

async function read(format: Format, parts: readonly Uint8Array[]): Promise<string> {
  const observer: UsageObserver = { reported: undefined };
  const left = [...parts];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = left.shift();
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const text = await (await tolerantResponse(response, { format, observer, maxEventBytes: 100_000 })).text();
  for (const count of [observer.reported?.input, observer.reported?.output])
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0))
      throw new TypeError(`counted ${count}`);
  return text;
}

const isExpected = (error: unknown): boolean =>
  error instanceof StreamEndedEarlyError ||
  error instanceof UnexpectedResponseError ||
  error instanceof NodeError;

it.each(FORMATS)('reads any events of %s, or fails with a known error', async (format) => {
  await fc.assert(
    fc.asyncProperty(stream, async (body) => {
      await read(format, [Buffer.from(body)]).catch((error: unknown) => {
        if (!isExpected(error)) throw error;
      });
    }),
    { numRuns: 500 },
  );
});

it.each(FORMATS)('gives the same events of %s however the bytes are cut', async (format) => {
  await fc.assert(
    fc.asyncProperty(stream, fc.array(fc.nat({ max: 40 }), { maxLength: 60 }), async (body, sizes) => {
      const bytes = Buffer.from(body);
      const parts: Uint8Array[] = [];
      let start = 0;
      for (const size of sizes) {
        parts.push(bytes.subarray(start, start + size));
        start += size;
      }
      parts.push(bytes.subarray(start));
      const outcome = (given: readonly Uint8Array[]) =>
        read(format, given).then(withoutIds, (error: unknown) => String(error));
      expect(await outcome(parts)).toBe(await outcome([bytes]));
    }),
    { numRuns: 200 },
  );
});

/** Calls of tools that have no id get a random one. */
const withoutIds = (text: string): string => text.replaceAll(/toolu_[0-9a-f-]{36}/g, 'toolu');

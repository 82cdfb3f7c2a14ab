import { Json, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';

const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

const ToolCall = z.strictObject({
  name: z.string().min(1),
  args: orDefault(z.record(z.string(), Json), () => ({})),
});

/** Schema of `providerOptions.demo`. */
export const DemoOptions = z.strictObject({
  /** The exact number of chunks of the answer; if `text` is given or the answer is JSON, at most its number of characters. */
  chunks: orNull(wholeNumber(1, 100_000)),
  /** Delay before each chunk, in ms. */
  delayMs: orDefault(wholeNumber(0, 60_000), () => 20),
  /** The answer. By default one is made from the prompt, or from the schema of the output. */
  text: orNull(z.string().max(1_000_000)),
  /** The number of thinking chunks before the answer. */
  thinking: orDefault(wholeNumber(0, 100_000), () => 0),
  /** The number of attempts at the node that fail with a 503 before one succeeds. */
  failTimes: orDefault(wholeNumber(0, 100), () => 0),
  /** The attempts of `failTimes` break off after this number of chunks, as a connection that is reset does. */
  failAfterChunks: orNull(wholeNumber(0, 100_000)),
  /** Sends one chunk and then nothing until the call is aborted. */
  hang: orDefault(z.boolean(), () => false),
  /** Calls this tool first, and answers after the tool's result. */
  toolCall: orNull(ToolCall),
  /** Calls these tools at once, as `toolCall` calls one. */
  toolCalls: orNull(z.array(ToolCall).min(1).max(100)),
  /** How many times it calls the tools before it answers. Messages with results in the prompt count. */
  rounds: orDefault(wholeNumber(1, 100), () => 1),
  /** Calls the tools also when it is asked to answer without them. */
  ignoresToolChoice: orDefault(z.boolean(), () => false),
  /** The number of answers that do not fit the schema of the output before one fits. */
  invalidTimes: orDefault(wholeNumber(0, 100), () => 0),
  /** Why the answer ends, for example `length` for an answer that was cut off. */
  finishReason: orNull(z.enum(['stop', 'length', 'content-filter', 'error', 'other'])),
});
export type DemoOptions = z.infer<typeof DemoOptions>;

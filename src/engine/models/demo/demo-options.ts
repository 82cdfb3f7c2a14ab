import { Json, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';

const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

/** Schema of `providerOptions.demo`. */
export const DemoOptions = z.strictObject({
  /** The exact number of chunks of the answer; if `text` is given, at most its number of characters. */
  chunks: orNull(wholeNumber(1, 100_000)),
  /** Delay before each chunk, in ms. */
  delayMs: orDefault(wholeNumber(0, 60_000), () => 20),
  /** The answer. By default one is made from the prompt. */
  text: orNull(z.string().max(1_000_000)),
  /** The number of thinking chunks before the answer. */
  thinking: orDefault(wholeNumber(0, 100_000), () => 0),
  /** The number of attempts at the node that fail with a 503 before one succeeds. */
  failTimes: orDefault(wholeNumber(0, 100), () => 0),
  /** Sends one chunk and then nothing until the call is aborted. */
  hang: orDefault(z.boolean(), () => false),
  /** Calls this tool first, and answers after the tool's result. */
  toolCall: orNull(
    z.strictObject({ name: z.string().min(1), args: orDefault(z.record(z.string(), Json), () => ({})) }),
  ),
});
export type DemoOptions = z.infer<typeof DemoOptions>;

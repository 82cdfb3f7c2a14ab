import { Json, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';

const whole = (least: number, most: number) => z.int().min(least).max(most);

/** What `providerOptions.demo` may hold. */
export const DemoOptions = z.strictObject({
  /** How many chunks the answer comes in, exactly; no more than `text`, when given, has characters. */
  chunks: orNull(whole(1, 100_000)),
  /** Wait before each chunk, in ms. */
  delayMs: orDefault(whole(0, 60_000), () => 20),
  /** The answer, instead of one made from the prompt. */
  text: orNull(z.string().max(1_000_000)),
  /** How many chunks of thinking come first. */
  thinking: orDefault(whole(0, 100_000), () => 0),
  /** How many attempts to run the node fail with a 503 before one works. */
  failTimes: orDefault(whole(0, 100), () => 0),
  /** Sends one chunk and then nothing more until it is aborted. */
  hang: orDefault(z.boolean(), () => false),
  /** Asks for this tool first and answers when it has the result. */
  toolCall: orNull(
    z.strictObject({ name: z.string().min(1), args: orDefault(z.record(z.string(), Json), () => ({})) }),
  ),
});
export type DemoOptions = z.infer<typeof DemoOptions>;

import { Json } from '@cloutagent/contract';
import { z } from 'zod';

const whole = (least: number, most: number) => z.int().min(least).max(most);

/** What `providerOptions.demo` may hold. */
export const DemoOptions = z.strictObject({
  /** How many chunks the answer comes in, exactly; no more than `text`, when given, has characters. */
  chunks: whole(1, 100_000).optional(),
  /** Wait before each chunk, in ms. */
  delayMs: whole(0, 60_000).default(20),
  /** The answer, instead of one made from the prompt. */
  text: z.string().max(1_000_000).optional(),
  /** How many chunks of thinking come first. */
  thinking: whole(0, 100_000).default(0),
  /** How many attempts to run the node fail with a 503 before one works. */
  failTimes: whole(0, 100).default(0),
  /** Sends one chunk and then nothing more until it is aborted. */
  hang: z.boolean().default(false),
  /** Asks for this tool first and answers when it has the result. */
  toolCall: z
    .strictObject({ name: z.string().min(1), args: z.record(z.string(), Json).default({}) })
    .optional(),
});
export type DemoOptions = z.infer<typeof DemoOptions>;

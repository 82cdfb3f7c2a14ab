import { Json } from '@cloutagent/contract';
import { z } from 'zod';

/** What the row of a thread holds of the request that started an execution. */
export const ThreadData = z.object({
  /** The client's id of the conversation. */
  threadId: z.string(),
  runId: z.string(),
  /** The messages of the client, without reasoning and activities, which a snapshot of messages leaves as they are. */
  messages: z.array(z.record(z.string(), Json)),
  /** The state of the client; undefined if it is no object. */
  state: z.record(z.string(), Json).optional(),
});
export type ThreadData = z.infer<typeof ThreadData>;

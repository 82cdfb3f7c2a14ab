import { z } from 'zod';

/** A conversation, in the AI SDK's form of ModelMessage. */
export const Messages = z.array(z.strictObject({ role: z.enum(['user']), content: z.string() })).min(1);
export type Messages = z.infer<typeof Messages>;

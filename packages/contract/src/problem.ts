import { z } from 'zod';

/** Every error response of the API: RFC 9457, `application/problem+json`, with a stable `code`. */
export const Problem = z
  .object({
    type: z.string().meta({ examples: ['about:blank'] }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ examples: ['validation_failed'] }),
    instance: z.string().optional(),
    requestId: z.string().optional(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'With code validation_failed: every invalid path.' }),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

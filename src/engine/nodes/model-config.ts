import { z } from 'zod';
import { DemoOptions } from '../models/demo.provider.js';
import type { ModelRegistry } from '../models/model-registry.js';

/** A tool that the model may call: an HTTP request, under the same rules as the `http` node. */
export const HttpTool = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a tool name takes up to 64 letters, digits, _ and -'),
  description: z.string().max(10_000),
  inputSchema: z.record(z.string(), z.unknown()).describe('JSON Schema of the arguments, an object'),
  http: z.strictObject({
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    url: z.string().min(1).max(4096),
    headers: z.record(z.string(), z.string()).optional(),
  }),
});
export type HttpTool = z.infer<typeof HttpTool>;

/** What every node that asks a model takes. */
export const ModelConfig = z.strictObject({
  model: z.string().min(1).max(200),
  temperature: z.number().min(0).max(2).optional(),
  maxOutputTokens: z.int().min(1).max(1_000_000).optional(),
  providerOptions: z.record(z.string(), z.record(z.string(), z.json())).optional(),
  tools: z.array(HttpTool).max(64).optional(),
  /** Model calls of one attempt: the first, and one after each round of tool results. */
  maxToolRounds: z.int().min(1).max(50).default(5),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

/** What only the registry can tell about a config when it is posted. */
export function checkModel(
  models: ModelRegistry,
  config: ModelConfig,
): { path: (string | number)[]; message: string }[] {
  const problem = models.problem(config.model);
  const problems: { path: (string | number)[]; message: string }[] = problem
    ? [{ path: ['model'], message: problem }]
    : [];
  const demo = DemoOptions.safeParse(config.providerOptions?.['demo'] ?? {});
  for (const issue of demo.error?.issues ?? []) {
    problems.push({
      path: [
        'providerOptions',
        'demo',
        ...issue.path.map((key) => (typeof key === 'number' ? key : String(key))),
      ],
      message: issue.message,
    });
  }
  return problems;
}

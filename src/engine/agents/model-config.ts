import { Json, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { check } from '../../problems/schema-problems.js';
import type { ModelRegistry } from '../models/model-registry.js';
import type { ConfigProblem } from '../extension/node-handler.js';
import { withShape } from '../extension/config-field.js';
import { isTemplate } from '../extension/template.js';
import type { ToolRegistry } from '../tools/tool-registry.js';
import { Headers, Url, urlProblems } from '../nodes/http-config.js';

/** A tool that the model may call: one HTTP request, under the same rules as the `http` node. */
export const HttpTool = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'),
  description: z.string().min(1).max(10_000),
  /** JSON Schema of the arguments, for the model. The server does not check arguments; the endpoint must. */
  inputSchema: z
    .record(z.string(), Json)
    .refine((schema) => schema['type'] === 'object', 'must be a JSON Schema with "type": "object"'),
  http: z.strictObject({
    method: orDefault(z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']), () => 'POST' as const),
    url: Url,
    headers: orNull(Headers),
  }),
});
export type HttpTool = z.infer<typeof HttpTool>;

/** The name of a tool that a module provides, such as `crm/find-customer`. */
const ProvidedTool = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9_-]{1,64}$/,
    'must be the name of a tool of a module, such as crm/find-customer, or an object that describes an HTTP tool',
  );

/** A tool of an agent. Parsed by its own type, because a union would only say that both do not fit. */
const ParsedTool = z.unknown().transform((tool, context): string | HttpTool => {
  const checked = typeof tool === 'string' ? check(ProvidedTool, tool) : check(HttpTool, tool);
  if (checked.success) return checked.data;
  for (const problem of checked.problems) context.addIssue({ ...problem, code: 'custom', input: tool });
  return z.NEVER;
});
const AgentTool = withShape(ParsedTool, z.union([ProvidedTool, HttpTool]));
export type AgentTool = z.infer<typeof AgentTool>;

const nameOf = (tool: AgentTool): string => (typeof tool === 'string' ? tool : tool.name);

/** The config that all nodes with a model have in common. */
export const ModelConfig = z.strictObject({
  model: z.string().min(1).max(200),
  temperature: orNull(z.number().min(0).max(2)),
  maxOutputTokens: orNull(z.int().min(1).max(1_000_000)),
  providerOptions: orNull(z.record(z.string(), z.record(z.string(), Json))),
  tools: orNull(
    z
      .array(AgentTool)
      .max(64)
      .refine((tools) => new Set(tools.map(nameOf)).size === tools.length, 'must have different names'),
  ),
  /** How many times the model may call tools and continue with their results. Then it must answer. */
  maxToolRounds: orDefault(z.int().min(1).max(50), () => 5),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

/** A request to a model. */
export interface ModelRequest extends ModelConfig {
  prompt: string;
  system?: string | undefined;
}

/** Checks the parts of a posted config that depend on this server: models, provider options, tools and URLs. */
export async function checkModel(
  models: ModelRegistry,
  registry: ToolRegistry,
  { model, providerOptions, tools = [] }: ModelConfig,
): Promise<ConfigProblem[]> {
  const toolProblems = await Promise.all(
    tools.map(async (tool, index): Promise<ConfigProblem[]> => {
      if (typeof tool !== 'string') return urlProblems(tool.http.url, ['tools', index, 'http', 'url']);
      const message = await registry.problem(tool);
      return message === null ? [] : [{ path: ['tools', index], message }];
    }),
  );
  const found = toolProblems.flat();
  if (isTemplate(model)) return found;
  const problem = models.problem(model);
  const options = models.optionsProblems(model, providerOptions);
  return [
    ...found,
    ...(problem ? [{ path: ['model'], message: problem }] : []),
    ...options.map(({ path, message }) => ({ path: ['providerOptions', ...path], message })),
  ];
}

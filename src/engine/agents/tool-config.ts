import { Json, orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { check } from '../../problems/schema-problems.js';
import { withShape } from '../extension/config-field.js';
import { Headers, Url } from '../http/http-config.js';
import { ToolApprovalConfig } from '../tools/tool-approval-config.js';

/** How the engine treats the calls of a tool. */
const treatment = {
  approval: orNull(ToolApprovalConfig),
  /** Sends a call again after a crash or a time limit, even if the first one may have had an effect. */
  retryUnsafe: orDefault(z.boolean(), () => false),
};

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
  ...treatment,
});
export type HttpTool = z.infer<typeof HttpTool>;

/** The name of a tool that a module provides, such as `crm/find-customer`. */
const ProvidedName = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9_-]{1,64}$/,
    'must be the name of a tool of a module, such as crm/find-customer, or an object that describes an HTTP tool',
  );

/** A tool of a module. */
export const ModuleTool = z.strictObject({ name: ProvidedName, ...treatment });
export type ModuleTool = z.infer<typeof ModuleTool>;

export type ConfiguredTool = HttpTool | ModuleTool;

const isModuleTool = (tool: unknown): boolean =>
  typeof tool === 'object' &&
  tool !== null &&
  !('http' in tool) &&
  'name' in tool &&
  typeof tool.name === 'string' &&
  tool.name.includes('/');

/** A tool of an agent. Parsed by its own type, because a union would only say that no type fits. */
const ParsedTool = z.unknown().transform((tool, context): ConfiguredTool => {
  if (typeof tool === 'string') {
    const name = check(ProvidedName, tool);
    if (name.success) return { name: name.data, approval: undefined, retryUnsafe: false };
    for (const problem of name.problems) context.addIssue({ ...problem, code: 'custom', input: tool });
    return z.NEVER;
  }
  const checked = isModuleTool(tool) ? check(ModuleTool, tool) : check(HttpTool, tool);
  if (checked.success) return checked.data;
  for (const problem of checked.problems) context.addIssue({ ...problem, code: 'custom', input: tool });
  return z.NEVER;
});
export const AgentToolConfig = withShape(ParsedTool, z.union([ProvidedName, ModuleTool, HttpTool]));

import { orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { check } from '../../problems/schema-problems.js';
import { withShape } from '../extension/config-field.js';
import type { ToolApproval } from './agent-tool.js';

const Mode = z.enum(
  ['never', 'always'],
  'must be "never", "always", or an object such as { "when": "args.amount > 100" }',
);

const Details = z.strictObject({
  /** JSONata that gives true or false, over `{ args, toolName, input, nodes, execution }`. Without it, every call needs a person. */
  when: orNull(z.string().min(1).max(10_000).meta({ placeholders: 'none' })),
  assignees: orNull(z.array(z.string().min(1).max(256)).min(1).max(100)),
  message: orNull(z.string().min(1).max(10_000)),
  expiresInMs: orNull(z.int().min(1).max(31_536_000_000)),
  onExpire: orDefault(z.enum(['deny', 'fail']), () => 'deny' as const),
});

/** Parsed by its own type, because a union would only say that no type fits. */
const Parsed = z.unknown().transform((value, context): z.infer<typeof Mode> | z.infer<typeof Details> => {
  const checked = typeof value === 'object' && value !== null ? check(Details, value) : check(Mode, value);
  if (checked.success) return checked.data;
  for (const problem of checked.problems) context.addIssue({ ...problem, code: 'custom', input: value });
  return z.NEVER;
});

/** `approval` of a tool, or of an MCP server: whether a person must allow a call. */
export const ToolApprovalConfig = withShape(Parsed, z.union([Mode, Details]));
export type ToolApprovalConfig = z.infer<typeof ToolApprovalConfig>;

/** Makes the approval of a tool from its config; undefined if no call needs a person. */
export function toApproval(config: ToolApprovalConfig | undefined): ToolApproval | undefined {
  if (config === undefined || config === 'never') return undefined;
  return config === 'always' ? { onExpire: 'deny' } : config;
}

import { orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { ToolApprovalConfig } from '../tools/tool-approval-config.js';

/** The MCP servers of an agent. */
export const McpConfig = z.array(
  z.strictObject({ server: z.string(), approval: orNull(ToolApprovalConfig) }),
);
export type McpConfig = z.infer<typeof McpConfig>;

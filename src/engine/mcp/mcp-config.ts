import { z } from 'zod';

/** The MCP servers of an agent. */
export const McpConfig = z.array(z.strictObject({ server: z.string() }));
export type McpConfig = z.infer<typeof McpConfig>;

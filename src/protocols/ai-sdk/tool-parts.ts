import { z } from 'zod';
import type { UiPart } from './chat-request.js';

/** The name of the tool that stands for a node that waits for an approval. */
export const APPROVAL_TOOL = 'approval';

const ToolUiPart = z.looseObject({
  type: z.string(),
  toolName: z.string().optional(),
  toolCallId: z.string().min(1).max(500),
  state: z.string(),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  errorText: z.string().optional(),
  toolMetadata: z.looseObject({ isCall: z.boolean().optional() }).optional(),
  approval: z
    .looseObject({ id: z.string(), approved: z.boolean().optional(), reason: z.string().nullish() })
    .optional(),
});
/** A call of a tool in a UIMessage. */
export type ToolUiPart = z.infer<typeof ToolUiPart> & { toolName: string };

/** Returns a part as a call of a tool; undefined if it is none, or not a valid one. */
export function toolPartOf(part: UiPart): ToolUiPart | undefined {
  if (part.type !== 'dynamic-tool' && !part.type.startsWith('tool-')) return undefined;
  const { success, data } = ToolUiPart.safeParse(part);
  if (!success) return undefined;
  const toolName = part.type === 'dynamic-tool' ? data.toolName : part.type.slice('tool-'.length);
  return toolName ? { ...data, toolName } : undefined;
}

/** Whether a call stands for a wait of a node, and is none of a model. */
export const isStandIn = ({ toolMetadata }: ToolUiPart): boolean => toolMetadata?.isCall === false;

import type { Execution, ExecutionEventOf, Json, Problem } from '@cloutagent/contract';
import { answerText } from '../answer-nodes.js';
import type { AskedKind, AskedWait, McpState } from './mcp-state.js';

/** A part of the content of a result, as far as this server sends them. */
type Content =
  | { type: 'text'; text: string }
  | { type: 'resource_link'; uri: string; name: string; description: string; mimeType: string };

/** CallToolResult of MCP. */
export interface ToolResult {
  [member: string]: unknown;
  content: Content[];
  structuredContent?: Record<string, Json>;
  isError?: boolean;
  _meta: Record<string, unknown>;
}

type Facts = Pick<Execution, 'status' | 'tokenUsage' | 'costUSD'>;

const metaOf = (executionId: string, { status, tokenUsage, costUSD }: Facts): Record<string, unknown> => ({
  'cloutagent/executionId': executionId,
  'cloutagent/status': status,
  'cloutagent/usage': tokenUsage,
  'cloutagent/costUSD': costUSD,
});

const factsOf = ({ status, usage, costUSD }: McpState): Facts => ({ status, tokenUsage: usage, costUSD });

/**
 * The output is in `content` as text: a string as it is, other values as JSON. An object is in `structuredContent` too, and a
 * list as `{ output: [...] }`, because MCP requires an object there.
 */
export function completedResult(execution: Execution): ToolResult {
  const { id, output } = execution;
  const structured = structuredOf(output);
  return {
    content: [{ type: 'text', text: answerText(output) }],
    ...(structured && { structuredContent: structured }),
    _meta: metaOf(id, execution),
  };
}

export function failedResult(state: McpState, event: ExecutionEventOf<'execution:failed'>): ToolResult {
  const { error: message, code, nodeId } = event;
  return errorResult(`The execution failed: ${message} (${code})`, {
    ...metaOf(state.executionId, factsOf(state)),
    'cloutagent/error': { code, message, ...(nodeId !== undefined && { nodeId }) },
  });
}

export function cancelledResult(
  state: McpState,
  { reason }: ExecutionEventOf<'execution:cancelled'>,
): ToolResult {
  const message =
    reason === undefined ? 'The execution was cancelled.' : `The execution was cancelled: ${reason}`;
  return errorResult(message, {
    ...metaOf(state.executionId, factsOf(state)),
    'cloutagent/error': { code: 'cancelled', message },
  });
}

/** The arguments of a call do not fit the tool's schema: a model that reads this can correct them. */
export function refusedResult({ code, detail, errors = [] }: Problem): ToolResult {
  const lines = errors.map(({ path, message }) => `${path}: ${message}`);
  return errorResult([`${detail} (${code})`, ...lines].join('\n'), {
    'cloutagent/error': { code, message: detail, errors },
  });
}

/** Why a call is answered before its execution ends. */
export type PendingReason = 'late' | 'waiting';

/** The execution has not ended. The result names the resource that shows its end. */
export function pendingResult(state: McpState, reason: PendingReason): ToolResult {
  const { executionId, waits } = state;
  const uri = executionUri(executionId);
  const text =
    reason === 'waiting'
      ? [
          `The execution ${executionId} waits for an answer, and continues after it.`,
          ...waits.map(howToAnswer),
          `Read the resource ${uri} for the result, or GET /api/executions/${executionId}.`,
        ].join('\n')
      : `The execution ${executionId} still runs. Read the resource ${uri} for its result, or GET /api/executions/${executionId}.`;
  return {
    content: [
      { type: 'text', text },
      {
        type: 'resource_link',
        uri,
        name: `execution ${executionId}`,
        description: 'The status of the execution, and its output once it has ended.',
        mimeType: 'application/json',
      },
    ],
    _meta: {
      ...metaOf(executionId, factsOf(state)),
      ...(waits.length > 0 && { 'cloutagent/waits': waits }),
    },
  };
}

export const executionUri = (executionId: string): string => `execution://${executionId}`;

/** Says what a wait asks, and with which request it is answered. */
export function howToAnswer({ waitId, nodeId, kind, message, signal, toolName }: AskedWait): string {
  const about =
    toolName === undefined ? (message ?? signal ?? kind) : `${message ?? 'allow the call'} (${toolName})`;
  return `${nodeId} waits (${kind}): ${about}. Answer with POST /api/waits/${waitId}/answer and ${ANSWERS[kind]}.`;
}

const ANSWERS: Record<AskedKind, string> = {
  approval: '{"approved":true}',
  signal: '{"body":…}',
  tool: '{"action":"approve"} or {"action":"deny"}',
  failure: '{"action":"retry"} or {"action":"fail"}',
};

function structuredOf(output: Json | undefined): Record<string, Json> | undefined {
  if (typeof output !== 'object' || output === null) return undefined;
  return Array.isArray(output) ? { output } : output;
}

const errorResult = (text: string, meta: Record<string, unknown>): ToolResult => ({
  content: [{ type: 'text', text }],
  isError: true,
  _meta: meta,
});

import type { Json } from '@cloutagent/contract';

/** The version of AG-UI that the server speaks (https://ag-ui.com/spec/1.0/schema.json). */
export const PROTOCOL_VERSION = '1.0';

/** One event of AG-UI. `type` is one of its event types, the other members are those of the type. */
export interface AgUiEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The tokens of one model, as RUN_FINISHED and RUN_ERROR report them. */
export interface AgUiUsage {
  provider?: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  reasoningTokens?: number;
  cachedInputTokens?: number;
  cacheWriteInputTokens?: number;
}

/** A question that ends a run. The next request on the thread answers it. */
export interface AgUiInterrupt {
  id: string;
  reason: string;
  message?: string;
  toolCallId?: string;
  responseSchema?: object;
  expiresAt?: string;
  metadata: Record<string, unknown>;
  subagentRunId?: string;
}

interface AgUiToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

/** A message of an assistant that an execution has made, as the client has it after the events about it. */
export interface AgUiAssistantMessage {
  id: string;
  role: 'assistant';
  content?: string;
  toolCalls?: AgUiToolCall[];
  metadata?: Record<string, Json>;
  subagentRunId?: string;
}

export interface AgUiToolMessage {
  id: string;
  role: 'tool';
  toolCallId: string;
  content: string;
  metadata?: Record<string, Json>;
  subagentRunId?: string;
}

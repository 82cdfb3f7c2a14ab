import type { LanguageModelV4ToolResultOutput } from '@ai-sdk/provider';
import type { Json } from '@cloutagent/contract';

/** Whether a person must allow a call of a tool. */
export interface ToolApproval {
  /** JSONata over `{ args, toolName, input, nodes, execution }`. Without it, every call needs a person. */
  readonly when?: string | undefined;
  /** Ids of the principals that may answer. */
  readonly assignees?: readonly string[] | undefined;
  readonly message?: string | undefined;
  readonly expiresInMs?: number | undefined;
  /** What an expiry does: `deny` tells the model that no person has answered; `fail` fails the node. */
  readonly onExpire: 'deny' | 'fail';
}

/** One call of a tool. */
export interface AgentToolCall {
  readonly args: Json;
  /** The same for each attempt at this call, and different for every other call: 1 to 128 printable ASCII characters. */
  readonly idempotencyKey: string;
  /** Aborts when the result is of no use any more. */
  readonly signal: AbortSignal;
}

/** What a tool returned, for the events and for the model. */
export interface ToolOutput {
  /** In the `execution:tool-result` event. */
  readonly result: Json;
  readonly isError: boolean;
  /** What the model reads, if it is not `result`: for example images. JSON only: files are base64. */
  readonly content?: Extract<LanguageModelV4ToolResultOutput, { type: 'content' }>['value'];
}

/** A tool of one agent, wherever it comes from: an HTTP endpoint, a module, or an MCP server. */
export interface AgentTool {
  /** Unique among the tools of the agent, such as `weather`, `crm/find-customer` or `docs/search`. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, for the model. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** undefined: no call needs a person. */
  readonly approval: ToolApproval | undefined;
  /** Whether a call may be sent again if it is not known whether it had an effect. */
  readonly mayRepeat: boolean;
  /**
   * Carries out one call, within a time limit of its own.
   * @throws any error; the model gets its message as the result. The reason of `signal` when that aborts.
   */
  call(call: AgentToolCall): Promise<ToolOutput>;
}

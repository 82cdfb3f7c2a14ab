import type { Json } from '@cloutagent/contract';

/** A call of a tool by a model. */
export interface ToolCall {
  readonly toolId: string;
  /** As in the agent's config, such as `crm/find-customer`. */
  readonly toolName: string;
  readonly args: Json;
}

/** The result of a tool, as the model gets it. */
export interface ToolResult {
  readonly result: Json;
  readonly isError: boolean;
}

/** The interceptors around the calls of tools of one step. A node that carries out tools calls them for each call. */
export interface ToolHooks {
  /**
   * Call it before the call is recorded.
   * @returns the arguments to use; with a `refusal`, do not carry out the call and give the model this error
   * @throws if an interceptor fails; the step then fails too
   */
  before(call: ToolCall): Promise<{ args: Json; refusal?: string }>;
  /**
   * Call it with the result, before the model gets it and before it is recorded.
   * @throws if an interceptor fails; the step then fails too
   */
  after(call: ToolCall, result: ToolResult): Promise<ToolResult>;
}

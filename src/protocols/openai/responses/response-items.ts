/** A part of a message of the assistant. */
interface OutputText {
  type: 'output_text';
  text: string;
  annotations: never[];
  logprobs: never[];
}

export interface MessageItem {
  type: 'message';
  id: string;
  role: 'assistant';
  status: ItemStatus;
  content: OutputText[];
}

/** The thinking of a model. It is the summary, because that is what clients show. */
export interface ReasoningItem {
  type: 'reasoning';
  id: string;
  status: ItemStatus;
  summary: { type: 'summary_text'; text: string }[];
}

/**
 * A call of a tool. Tools run on this server. With `function_call` and `custom_tool_call`, clients would run them too;
 * `mcp_call` is the item of a call that the server has made.
 */
export interface CallItem {
  type: 'mcp_call';
  id: string;
  server_label: string;
  name: string;
  arguments: string;
  status: ItemStatus | 'failed';
  output: string | null;
  error: { type: 'mcp_tool_execution_error'; content: { type: 'text'; text: string }[] } | null;
  approval_request_id: null;
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';
export type ResponseItem = MessageItem | ReasoningItem | CallItem;

/** The label of tools that belong to no MCP server. */
const OWN_TOOLS = 'cloutagent';

export const newMessage = (id: string, text = ''): MessageItem => ({
  type: 'message',
  id,
  role: 'assistant',
  status: 'in_progress',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});

export const newReasoning = (id: string): ReasoningItem => ({
  type: 'reasoning',
  id,
  status: 'in_progress',
  summary: [{ type: 'summary_text', text: '' }],
});

/** @param toolName `server/tool` for the tools of MCP servers */
export function newCall(id: string, toolName: string, args: string): CallItem {
  const slash = toolName.indexOf('/');
  return {
    type: 'mcp_call',
    id,
    server_label: slash > 0 ? toolName.slice(0, slash) : OWN_TOOLS,
    name: slash > 0 ? toolName.slice(slash + 1) : toolName,
    arguments: args,
    status: 'in_progress',
    output: null,
    error: null,
    approval_request_id: null,
  };
}

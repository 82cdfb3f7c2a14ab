import { Injectable } from '@nestjs/common';
import type { ExecutionEvent } from '@cloutagent/contract';
import type { EventFormat, FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { StreamFormat } from '../../streaming/formats/stream-format.decorator.js';
import { cancelledResult, completedResult, failedResult, type ToolResult } from './call-results.js';
import { beginState, type McpState, updateState } from './mcp-state.js';

export const MCP_FORMAT = 'mcp';

/** `notifications/progress` of a tool call. */
export interface ProgressNotification {
  jsonrpc: '2.0';
  method: 'notifications/progress';
  params: {
    progressToken: string | number;
    progress: number;
    total?: number;
    message: string;
    _meta: Record<string, unknown>;
  };
}

/** The answer to a tool call. */
export interface CallResponse {
  jsonrpc: '2.0';
  id: string | number;
  result: ToolResult;
}

/**
 * The frames of a tool call: progress while the execution runs, then one answer. Their `progressToken` and `id` are the id of
 * the execution; a call puts those of its client in their place.
 */
@Injectable()
@StreamFormat(MCP_FORMAT)
export class McpFormat implements EventFormat<McpState> {
  begin({ id }: FormattedExecution): McpState {
    return beginState(id);
  }

  encode(event: ExecutionEvent, state: McpState): OutputFrame[] {
    updateState(state, event);
    const result = resultOf(event, state);
    if (result) return [{ event: 'message', data: response(state, result) }];
    const message = messageOf(event);
    return message === undefined ? [] : [{ event: 'message', data: progress(event, state, message) }];
  }

  isIdle({ status, waits }: McpState): boolean {
    return status === 'waiting' && waits.length > 0;
  }

  interrupted(): OutputFrame[] {
    const message = 'The server ended the stream before the execution. Connect again with Last-Event-ID.';
    const error = { code: -32_000, message, data: { code: 'stream_interrupted' } };
    return [{ event: 'message', data: { jsonrpc: '2.0', id: null, error } }];
  }
}

const response = ({ executionId }: McpState, result: ToolResult): CallResponse => ({
  jsonrpc: '2.0',
  id: executionId,
  result,
});

function resultOf(event: ExecutionEvent, state: McpState): ToolResult | undefined {
  switch (event.type) {
    case 'execution:completed':
      return completedResult(event.result);
    case 'execution:failed':
      return failedResult(state, event);
    case 'execution:cancelled':
      return cancelledResult(state, event);
    default:
      return undefined;
  }
}

/**
 * MCP requires that the progress rises with each notification. Between two completed nodes it comes closer to the next whole
 * number and never reaches it.
 */
function progress(event: ExecutionEvent, state: McpState, message: string): ProgressNotification {
  const isNewNode = event.type === 'execution:progress' && state.since === 0 && state.completedSteps > 0;
  if (!isNewNode) state.since += 1;
  const value = state.completedSteps + state.since / (state.since + 1);
  if (isNewNode) state.since = 1;
  return {
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: {
      progressToken: state.executionId,
      progress: value,
      ...(state.totalSteps >= value && { total: state.totalSteps }),
      message,
      _meta: {
        'cloutagent/executionId': state.executionId,
        'cloutagent/sequence': event.sequence,
        'cloutagent/type': event.type,
        ...('nodeId' in event && { 'cloutagent/nodeId': event.nodeId }),
      },
    },
  };
}

/** Returns the text of the notification for an event; undefined if it has none. */
function messageOf(event: ExecutionEvent): string | undefined {
  switch (event.type) {
    case 'execution:progress':
      return `${event.completedSteps} of ${event.totalSteps} nodes are done`;
    case 'execution:step':
      return `${event.step}: ${event.status}`;
    case 'execution:output':
      return event.chunk;
    case 'execution:tool-call':
      return `${event.nodeId} calls ${event.toolName}`;
    case 'execution:waiting':
      return event.message === undefined
        ? `${event.nodeId} waits: ${event.kind}`
        : `${event.nodeId} waits: ${event.message}`;
    case 'execution:paused':
      return 'The execution is paused';
    case 'execution:resumed':
      return 'The execution is resumed';
    default:
      return undefined;
  }
}

import type { ExecutionEvent } from '@cloutagent/contract';
import type { OwnFormat } from '../../executions/streams/format-sessions.js';
import type { EventFormat, FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { rpcErrorOf, STREAM_CLOSED } from './a2a-errors.js';
import type { A2aFormat } from './a2a.format.js';
import type { TaskState } from './task-state.js';

/** The id of a request. */
export type RpcId = string | number | null;

/**
 * Puts the StreamResponse objects into answers to one JSON-RPC request. The frames have the request's id, so only streams whose
 * requests have the same id share them. Clients count their requests, so there are few ids.
 */
class JsonRpcFormat implements EventFormat<TaskState> {
  constructor(
    private readonly inner: A2aFormat,
    private readonly id: RpcId,
  ) {}

  begin(execution: FormattedExecution): TaskState {
    return this.inner.begin(execution);
  }

  opening(state: TaskState): OutputFrame[] {
    return this.answers(this.inner.opening(state));
  }

  encode(event: ExecutionEvent, state: TaskState): OutputFrame[] {
    return this.answers(this.inner.encode(event, state));
  }

  isIdle(state: TaskState): boolean {
    return this.inner.isIdle(state);
  }

  interrupted(): OutputFrame[] {
    return [{ data: { jsonrpc: '2.0', id: this.id, error: rpcErrorOf(STREAM_CLOSED) } }];
  }

  private answers(frames: readonly OutputFrame[]): OutputFrame[] {
    return frames.map(({ data }) => ({ data: { jsonrpc: '2.0', id: this.id, result: data } }));
  }
}

/** Makes the format of the streams that answer requests with an id. */
export const jsonRpcFormat = (inner: A2aFormat, id: RpcId): OwnFormat => ({
  name: `a2a json-rpc ${JSON.stringify(id)}`,
  format: new JsonRpcFormat(inner, id),
});

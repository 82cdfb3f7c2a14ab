export { CloutAgent } from './client.js';
export { SSEClient, type SSEConnectOptions, type SSEHandlers } from './sse-client.js';
export { CloutAgentError, type CloutAgentErrorCode } from './error.js';
export type { ClientOptions, RequestOptions } from './options.js';
export type { ConnectionState } from './connection-state.js';
export type { ExecutionStream } from './execution-stream.js';
export type {
  ApproveInput,
  EventsQuery,
  ExecutionsApi,
  ListFilter,
  StartOptions,
  StreamOptions,
  WatchFilter,
  WatchOptions,
} from './executions.js';
export type { CreateKeyOptions, KeysApi } from './keys.js';
export type {
  ApiKey,
  ApiKeyList,
  ConnectionEstablished,
  CreateApiKey,
  CreatedApiKey,
  EventPage,
  EventType,
  Execution,
  ExecutionEvent,
  ExecutionEventOf,
  ExecutionPage,
  ExecutionProgress,
  ExecutionsConnectionEstablished,
  ExecutionStatus,
  ExecutionSummary,
  FailureCode,
  Me,
  Problem,
  ProblemCode,
  StartExecutionInput,
  StreamTicket,
  WorkflowOutline,
} from '@cloutagent/contract';

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
  StartAndStreamOptions,
  StartAndWaitOptions,
  StartOptions,
  StreamOptions,
  WatchFilter,
  WatchOptions,
} from './executions.js';
export type { ListWaitsQuery, WaitsApi } from './waits.js';
export type { CreateKeyOptions, KeysApi } from './keys.js';
export type { DeadDeliveriesQuery, ListenersApi } from './listeners.js';
export type {
  AnswerWait,
  ApiKey,
  ApiKeyList,
  BatchResult,
  BatchResults,
  ConnectionEstablished,
  CreateApiKey,
  CreatedApiKey,
  DeadDelivery,
  DeadDeliveryPage,
  DeletedExecution,
  EndedWait,
  EventPage,
  EventType,
  Execution,
  ExecutionEvent,
  ExecutionEventOf,
  ExecutionPage,
  ExecutionParent,
  ExecutionProgress,
  ExecutionsConnectionEstablished,
  ExecutionStatus,
  ExecutionSummary,
  FailureCode,
  Listener,
  ListenerList,
  Me,
  OpenWait,
  Problem,
  ProblemCode,
  ReplayDeliveries,
  ReplayedDeliveries,
  RerunExecutionInput,
  SentSignal,
  SkipEvent,
  StartBatchInput,
  StartExecutionInput,
  StreamTicket,
  ValidatedExecution,
  Wait,
  WaitKind,
  WaitOutcome,
  WaitPage,
  Warning,
  WorkflowOutline,
  WorkflowVersionRef,
} from '@cloutagent/contract';

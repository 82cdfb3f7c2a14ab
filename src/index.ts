// The entry `@cloutagent/server`: a sorted list of what other teams may import. Everything else is private. It loads only
// what it names; `createApp` and `runServer` load the server when they are called.
export { type AppOptions, InvalidOptionsError } from './app-options.js';
export { AllowAnyScope, CurrentPrincipal, Public, RequireScope } from './auth/access.decorators.js';
export { ApiKeysService } from './auth/api-keys.service.js';
export { InvalidCredentialsError } from './auth/auth.errors.js';
export { ownsProject, type Principal } from './auth/principal.js';
export { DeclaresScopes } from './auth/scopes/declares-scopes.decorator.js';
export {
  AuthStrategy,
  type AuthStrategyCall,
  type AuthStrategyHandler,
  type NamedAuthStrategy,
} from './auth/strategies/auth-strategy.js';
export type { GivenSettings } from './config/given-settings.js';
export { SecretRedactor } from './config/secret-redactor.js';
export { InvalidSettingsError, parseSettings, Settings } from './config/settings.js';
export {
  ExecutionEngine,
  type GivenEngine,
  type ParkedRun,
  type RunningHead,
  type RunOutcome,
} from './engine/execution-engine.js';
export type { ExecutionRow } from './engine/execution-row.js';
export { NodeHandler } from './engine/extension/node-handler.decorator.js';
export {
  type ApprovalDecision,
  type ConfigCheck,
  type ConfigProblem,
  NodeError,
  type NodeEvent,
  type NodeRun,
  type NodeType,
  TransientError,
} from './engine/extension/node-handler.js';
export {
  type ExecutionOutcome,
  type InterceptedExecution,
  type InterceptedStep,
  type StepFailure,
  type StepHooks,
  StepRefusedError,
  type ValidationFailure,
} from './engine/extension/step-hooks.js';
export {
  StepInterceptor,
  type StepInterceptorOptions,
} from './engine/extension/step-interceptor.decorator.js';
export type { ModelUsage } from './engine/extension/model-usage.js';
export type { ToolCall, ToolHooks, ToolResult } from './engine/extension/tool-hooks.js';
export type {
  ApprovalRequest,
  ChildrenRequest,
  ChildResult,
  SignalRequest,
  TimerRequest,
  ToolApprovalRequest,
  WaitRequest,
  WaitResult,
  WaitResults,
} from './engine/extension/waiting.js';
export { type ModelProvider, ProvidesModels } from './engine/models/model-provider.js';
export { PriceTable, type Prices } from './engine/models/prices.js';
export { ControlRequests } from './engine/run/control-requests.js';
export type { ExecutionLog } from './engine/run/execution-log.js';
export { completedExecution } from './engine/run/execution-result.js';
export { type RestoredRun, Takeover } from './engine/run/takeover.js';
export {
  ProvidesTools,
  type ToolDefinition,
  type ToolProvider,
  type ToolRequest,
  type ToolRun,
} from './engine/tools/tool-provider.js';
export type { Delivery } from './events/delivery.js';
export { EventBus } from './events/event-bus.js';
export { OnExecutionEvent } from './events/on-execution-event.decorator.js';
export { ApprovalRecorder } from './executions/commands/approval-recorder.js';
export { ExecutionControl } from './executions/commands/execution-control.js';
export { ExecutionStarter } from './executions/commands/execution-starter.js';
export { ExecutionReader } from './executions/queries/execution-reader.js';
export { StaleOwnerError } from './journal/append-errors.js';
export { createApp } from './load-app.js';
export { Deprecated, type Deprecation } from './openapi/deprecated.decorator.js';
export { NotFoundError } from './problems/problem.error.js';
export { runServer } from './run-server.js';
export type {
  EventFormat,
  ExecutionThread,
  FormattedExecution,
  OutputFrame,
} from './streaming/formats/event-format.js';
export { StreamFormat } from './streaming/formats/stream-format.decorator.js';
export { StreamHub } from './streaming/stream-hub.js';
export type { ThrottlerStorage } from '@nestjs/throttler';

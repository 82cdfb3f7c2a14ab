// The entry `@cloutagent/server`: a sorted list of what other teams may import. Everything else is private. It loads only
// what it names; `createApp` and `runServer` load the server when they are called.
export { AllowAnyScope, CurrentPrincipal, Public, RequireScope } from './auth/access.decorators.js';
export { InvalidCredentialsError } from './auth/auth.errors.js';
export { ownsProject, type Principal } from './auth/principal.js';
export { DeclaresScopes } from './auth/scopes/declares-scopes.decorator.js';
export {
  AuthStrategy,
  type AuthStrategyCall,
  type AuthStrategyHandler,
  type NamedAuthStrategy,
} from './auth/strategies/auth-strategy.js';
export { SecretRedactor } from './config/secret-redactor.js';
export { InvalidSettingsError, parseSettings, Settings } from './config/settings.js';
export { ExecutionEngine, type RunOutcome } from './engine/execution-engine.js';
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
export type { ToolCall, ToolHooks, ToolResult } from './engine/extension/tool-hooks.js';
export { type ModelProvider, ProvidesModels } from './engine/models/model-provider.js';
export { PriceTable } from './engine/models/prices.js';
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
export { ExecutionControl } from './executions/commands/execution-control.js';
export { ExecutionStarter } from './executions/commands/execution-starter.js';
export { ExecutionReader } from './executions/queries/execution-reader.js';
export { createApp } from './load-app.js';
export { Deprecated, type Deprecation } from './openapi/deprecated.decorator.js';
export { NotFoundError } from './problems/problem.error.js';
export { runServer } from './run-server.js';
export { StreamHub } from './streaming/stream-hub.js';

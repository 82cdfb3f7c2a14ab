// The entry `@cloutagent/server`: a sorted list of what other teams may import. Everything else is private. It loads only
// what it names; `createApp` and `runServer` load the server when they are called.
export { type AppOptions, InvalidOptionsError } from './app-options.js';
export { ApiKeysService } from './auth/api-keys.service.js';
export type { GivenSettings } from './config/given-settings.js';
export { ExecutionEngine, type GivenEngine, type RunOutcome } from './engine/execution-engine.js';
export type { ExecutionRow } from './engine/execution-row.js';
export { PriceTable, type Prices } from './engine/models/prices.js';
export { ControlRequests } from './engine/run/control-requests.js';
export type { ExecutionLog } from './engine/run/execution-log.js';
export { completedExecution } from './engine/run/execution-result.js';
export { Takeover } from './engine/run/takeover.js';
export { EventBus } from './events/event-bus.js';
export { ApprovalRecorder } from './executions/commands/approval-recorder.js';
export { ExecutionControl } from './executions/commands/execution-control.js';
export { ExecutionStarter } from './executions/commands/execution-starter.js';
export { ExecutionReader } from './executions/queries/execution-reader.js';
export { StaleOwnerError } from './journal/append-errors.js';
export { StreamHub } from './streaming/stream-hub.js';
export type { ThrottlerStorage } from '@nestjs/throttler';

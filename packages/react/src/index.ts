export { CloutAgentProvider, type CloutAgentProviderProps, useCloutAgent } from './provider.js';
export { useExecution } from './use-execution.js';
export {
  type ControlAction,
  type ExecutionControls,
  useExecutionControls,
} from './use-execution-controls.js';
export { type LiveExecutions, useExecutions } from './use-executions.js';
export { type StartExecution, type StartExecutionState, useStartExecution } from './use-start-execution.js';
export { type LiveWaits, useWaits } from './use-waits.js';
export { type LiveWorkflows, useWorkflows } from './use-workflows.js';
export { type SSECallbacks, type SSEConnectionOptions, useSSEConnection } from './use-sse-connection.js';
export { SchemaForm, type SchemaFormProps } from './form/schema-form.js';
export { ExecutionMonitor, type ExecutionMonitorProps } from './monitor/execution-monitor.js';
export { decisionOf, type NameOf, withNames } from './monitor/names.js';
export { WaitCard, type WaitCardProps } from './monitor/wait-card.js';
export { PictureList, type PictureListProps } from './monitor/picture-list.js';
export { incompleteText } from './store/finish.js';
export type { ExecutionLinks } from './monitor/child-list.js';
export { visibleText } from './monitor/visible-text.js';
export type {
  Branch,
  ExecutionSnapshot,
  ModelCalls,
  NodeView,
  Progress,
  Retry,
  ToolCall,
} from './store/snapshot.js';
export type { ExecutionsFilter, ExecutionsSnapshot } from './store/executions-store.js';
export type { WaitsFilter, WaitsSnapshot } from './store/waits-store.js';
export type { WorkflowsFilter, WorkflowsSnapshot } from './store/workflows-store.js';
export type { ListView } from './store/list-log.js';
export type { TextView } from './store/text-log.js';

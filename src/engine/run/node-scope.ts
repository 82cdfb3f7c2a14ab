import type { ExecutionFailure, Json, WorkflowGraph } from '@cloutagent/contract';
import type { Settings } from '../../config/settings.js';
import type { ChildExecutions } from '../children/child-executions.js';
import type { ExecutionRow } from '../execution-row.js';
import type { Callbacks } from '../waits/callbacks.js';
import type { Signals } from '../waits/signals.js';
import type { NodeRegistry } from '../extension/node-registry.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import type { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import type { ExecutionLimits } from './execution-limits.js';
import type { ExecutionLog } from './execution-log.js';
import type { OutputBudget } from './output-budget.js';
import type { PauseGate } from './pause-gate.js';
import type { PriceOf } from './usage.js';

/** The parts of one execution that its nodes share. */
export interface NodeScope {
  readonly row: ExecutionRow;
  readonly graph: WorkflowGraph;
  readonly log: ExecutionLog;
  readonly registry: NodeRegistry;
  /** undefined if no module has an interceptor. */
  readonly interceptors: StepInterceptors | undefined;
  readonly monitor: BlockedLoopMonitor;
  readonly priceOf: PriceOf;
  readonly limits: ExecutionLimits;
  readonly children: ChildExecutions;
  readonly signals: Signals;
  readonly callbacks: Callbacks;
  readonly settings: Settings;
  /** Closed while the execution is paused. */
  readonly pauseGate: PauseGate;
  /** Aborts with a StoppedError when all nodes must stop. */
  readonly stopSignal: AbortSignal;
  /** Outputs of the completed nodes, by node id. */
  readonly outputs: ReadonlyMap<string, Json>;
  readonly budget: OutputBudget;
  /** The failures of the nodes that have failed, by node id. */
  readonly errors: ReadonlyMap<string, { message: string; code: string }>;
  /** Called when the execution must fail independently of its nodes' results, for example because a limit is exceeded. */
  readonly onFailure: (failure: ExecutionFailure) => void;
}

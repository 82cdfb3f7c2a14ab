import type { Settings } from '../../config/settings.js';
import type { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import type { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import type { ChildExecutions } from '../children/child-executions.js';
import type { NodeRegistry } from '../extension/node-registry.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import type { Conditions } from '../nodes/conditions.js';
import type { Callbacks } from '../waits/callbacks.js';
import type { Signals } from '../waits/signals.js';
import type { ProjectValues } from './project-values.js';
import type { RoundRows } from './round-rows.js';
import type { PriceOf } from './usage.js';

/** The parts of the engine that all executions of a process share. */
export interface EngineServices {
  readonly registry: NodeRegistry;
  /** undefined if no module has an interceptor. */
  readonly interceptors: StepInterceptors | undefined;
  readonly monitor: BlockedLoopMonitor;
  readonly priceOf: PriceOf;
  readonly conditions: Conditions;
  readonly rounds: RoundRows;
  readonly children: ChildExecutions;
  readonly signals: Signals;
  readonly callbacks: Callbacks;
  /** The variables and secrets of projects. */
  readonly values: ProjectValues;
  readonly redactors: ExecutionRedactors;
  readonly settings: Settings;
}

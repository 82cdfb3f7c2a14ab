import type { ExecutionFailure, Json, WorkflowGraph } from '@cloutagent/contract';
import type { ExecutionRow } from '../execution-row.js';
import type { EngineServices } from './engine-services.js';
import type { CallsUnderWay } from './calls-under-way.js';
import type { ExecutionLimits } from './execution-limits.js';
import type { ExecutionLog } from './execution-log.js';
import type { KeptOutputs } from './kept-output.js';
import type { OutputBudget } from './output-budget.js';
import type { PauseGate } from './pause-gate.js';

/** The parts of one execution that its nodes share. */
export interface NodeScope extends EngineServices {
  readonly row: ExecutionRow;
  readonly graph: WorkflowGraph;
  readonly log: ExecutionLog;
  readonly limits: ExecutionLimits;
  /** Which steps have stored work that later steps continue. */
  readonly kept: KeptOutputs;
  readonly callsUnderWay: CallsUnderWay;
  /** Closed while the execution is paused. */
  readonly pauseGate: PauseGate;
  /** Aborts with a StoppedError when all nodes must stop. */
  readonly stopSignal: AbortSignal;
  /** Outputs of the completed nodes, by node id. */
  readonly outputs: ReadonlyMap<string, Json>;
  /** The failures of the nodes that have failed, by node id. */
  readonly errors: ReadonlyMap<string, { message: string; code: string }>;
  readonly budget: OutputBudget;
  /** Called when the execution must fail independently of its nodes' results, for example because a limit is exceeded. */
  readonly onFailure: (failure: ExecutionFailure) => void;
}

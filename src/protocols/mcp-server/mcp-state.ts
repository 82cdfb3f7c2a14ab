import {
  activeStatus,
  type ExecutionEvent,
  type ExecutionEventOf,
  type ExecutionStatus,
  type OpenWait,
  type TokenUsage,
  type WaitKind,
} from '@cloutagent/contract';

/** The kinds of waits that a person or a client can end. */
export type AskedKind = Exclude<WaitKind, 'timer' | 'children'>;

/** A wait that a person or a client can end, as far as the client of a tool call needs it. */
export interface AskedWait extends Pick<
  OpenWait,
  'waitId' | 'nodeId' | 'message' | 'schema' | 'signal' | 'assignees' | 'toolName' | 'toolArgs'
> {
  kind: AskedKind;
}

/** What the format keeps of the events of an execution. Its size does not grow with their number. */
export interface McpState {
  executionId: string;
  status: ExecutionStatus;
  /** Ids of the steps that run. */
  running: string[];
  /** Ids of open waits that no client can end: those for timers and children. */
  timers: string[];
  /** Open waits that a person or a client can end. */
  waits: AskedWait[];
  completedSteps: number;
  totalSteps: number;
  /** Notifications since `completedSteps` changed. */
  since: number;
  usage: TokenUsage;
  costUSD: number | null;
}

export const beginState = (executionId: string): McpState => ({
  executionId,
  status: 'queued',
  running: [],
  timers: [],
  waits: [],
  completedSteps: 0,
  totalSteps: 0,
  since: 0,
  usage: { input: 0, output: 0, total: 0 },
  costUSD: 0,
});

/** Changes the state as the contract's `applyEvent` does for a whole execution. */
export function updateState(state: McpState, event: ExecutionEvent): void {
  switch (event.type) {
    case 'execution:started':
    case 'execution:resumed':
      state.status = activeStatusOf(state);
      break;
    case 'execution:paused':
      state.status = 'paused';
      break;
    case 'execution:step':
      applyStep(state, event);
      break;
    case 'execution:waiting':
      forget(state, event.waitId);
      if (event.kind === 'timer' || event.kind === 'children') state.timers.push(event.waitId);
      else state.waits.push(askedWait(event, event.kind));
      settle(state);
      break;
    case 'execution:wait-ended':
      forget(state, event.waitId);
      settle(state);
      break;
    case 'execution:progress':
      if (event.completedSteps > state.completedSteps) {
        state.completedSteps = event.completedSteps;
        state.since = 0;
      }
      state.totalSteps = event.totalSteps;
      break;
    case 'execution:token-usage':
      state.usage = event.usage;
      break;
    case 'execution:cost-update':
      state.costUSD = event.totalCostUSD;
      break;
    case 'execution:completed':
    case 'execution:failed':
    case 'execution:cancelled':
      state.status = event.type.slice('execution:'.length) as ExecutionStatus;
      state.running = [];
      state.timers = [];
      state.waits = [];
      break;
    default:
      break;
  }
}

function applyStep(state: McpState, { stepId, status }: ExecutionEventOf<'execution:step'>): void {
  state.running = state.running.filter((id) => id !== stepId);
  if (status === 'running') state.running.push(stepId);
  settle(state);
}

const activeStatusOf = ({ running, timers, waits }: McpState): ExecutionStatus =>
  activeStatus(running.length > 0, timers.length + waits.length > 0);

function settle(state: McpState): void {
  if (state.status === 'running' || state.status === 'waiting') state.status = activeStatusOf(state);
}

function forget(state: McpState, waitId: string): void {
  state.timers = state.timers.filter((id) => id !== waitId);
  state.waits = state.waits.filter((wait) => wait.waitId !== waitId);
}

function askedWait(event: ExecutionEventOf<'execution:waiting'>, kind: AskedKind): AskedWait {
  const { waitId, nodeId, message, schema, signal, assignees, toolName, toolArgs } = event;
  return {
    waitId,
    nodeId,
    kind,
    ...(message !== undefined && { message }),
    ...(schema !== undefined && { schema }),
    ...(signal !== undefined && { signal }),
    ...(assignees !== undefined && { assignees }),
    ...(toolName !== undefined && { toolName }),
    ...(toolArgs !== undefined && { toolArgs }),
  };
}

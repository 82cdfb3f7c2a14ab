import type { ConnectionState } from '@cloutagent/client';
import type { ExecutionEvent, ExecutionFailure, ExecutionState, Json, Step } from '@cloutagent/contract';
import { initialState } from '@cloutagent/contract/reduce';
import { ListView } from './list-log.js';
import type { TextView } from './text-log.js';

/** A node that has started, and what it said. */
export interface NodeView {
  readonly nodeId: string;
  /** Its latest step. */
  readonly step: Step | undefined;
  /** Chunks joined, without those of attempts that are repeated. */
  readonly output: TextView;
  readonly thinking: TextView;
}

export interface ToolCall {
  readonly toolId: string;
  readonly toolName: string;
  readonly toolArgs: Json;
  readonly nodeId: string;
  readonly stepId: string;
  readonly calledAt: string;
  /** undefined until there is one. */
  readonly result?: Json;
  readonly isError?: boolean;
  readonly completedAt?: string;
  /** Its step runs again: the call happened, what it led to does not count. */
  readonly discarded: boolean;
  /** Its step ended before there was a result. */
  readonly interrupted: boolean;
}

export interface Retry {
  readonly sequence: number;
  readonly nodeId: string;
  /** The attempt that comes. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: string;
  readonly timestamp: string;
}

export interface Progress {
  readonly completedSteps: number;
  readonly totalSteps: number;
  /** 0 … 100. */
  readonly percent: number;
}

/** What the events of one execution add up to at one moment. Immutable; parts that did not change stay identical. */
export interface ExecutionSnapshot extends Readonly<Omit<ExecutionState, 'steps'>> {
  readonly steps: readonly Step[];
  /** In the order they started. */
  readonly nodes: readonly NodeView[];
  readonly toolCalls: ListView<ToolCall>;
  readonly retries: ListView<Retry>;
  /** undefined before the first `execution:progress`. */
  readonly progress: Progress | undefined;
  readonly error: ExecutionFailure | undefined;
  /** The output of a completed execution. */
  readonly output: Json | undefined;
  /** `approval` steps that wait for a person. */
  readonly approvals: readonly NodeView[];
  readonly projectId: string | undefined;
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  /** The latest events as they came; older ones are in the journal. */
  readonly recentEvents: ListView<ExecutionEvent>;
  readonly connection: ConnectionState;
  /** When `connection` last changed, in ms since 1970. */
  readonly connectionSince: number;
  /** What to add to this machine's clock to get the server's, in ms. */
  readonly clockOffset: number;
  /** Whether everything is here that was recorded when the connection was made: what comes now is new. */
  readonly caughtUp: boolean;
}

const none = new ListView<never>([], 0, 0);

/** Before anything is known, and on a server. */
export const EMPTY: ExecutionSnapshot = Object.freeze({
  ...initialState(),
  nodes: [],
  toolCalls: none,
  retries: none,
  progress: undefined,
  error: undefined,
  output: undefined,
  approvals: [],
  projectId: undefined,
  startedAt: undefined,
  endedAt: undefined,
  recentEvents: none,
  connection: { status: 'idle' },
  connectionSince: 0,
  clockOffset: 0,
  caughtUp: false,
} satisfies ExecutionSnapshot);

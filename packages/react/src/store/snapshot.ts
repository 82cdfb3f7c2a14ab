import type { ConnectionState } from '@cloutagent/client';
import type {
  ExecutionEvent,
  ExecutionFailure,
  ExecutionState,
  Json,
  OpenWait,
  Step,
} from '@cloutagent/contract';
import { initialState } from '@cloutagent/contract/reduce';
import { ListView } from './list-log.js';
import type { TextView } from './text-log.js';

/** A node that has started, with its latest step and its texts. */
export interface NodeView {
  readonly nodeId: string;
  /** The node's latest step. */
  readonly step: Step | undefined;
  /** The joined output chunks. Of retried attempts, it has those that stay valid. */
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
  /** undefined until the tool has returned. */
  readonly result?: Json;
  readonly isError?: boolean;
  readonly completedAt?: string;
  /** The arguments that the tool was called with, if a person has changed those of the model. */
  readonly changedArgs?: Json;
  /** The call was made, but its attempt was retried and has not kept it. */
  readonly discarded: boolean;
  /** The node ended, or its attempt was discarded, before the tool returned. */
  readonly interrupted: boolean;
}

export interface Retry {
  readonly sequence: number;
  readonly nodeId: string;
  /** Number of the attempt that follows. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: string;
  readonly timestamp: string;
}

/** The calls of one model, as its provider reported them. */
export interface ModelCalls {
  readonly calls: number;
  /** Input tokens that were read from the provider's cache, and written to it. They are part of the input tokens. */
  readonly cached: { readonly read: number; readonly written: number };
  /** Output tokens that are reasoning. */
  readonly reasoning: number;
  /** Calls whose answer is not whole. */
  readonly incomplete: number;
}

/** Which edges of a node were taken. */
export interface Branch {
  readonly taken: readonly string[];
  readonly notTaken: readonly string[];
}

export interface Progress {
  readonly completedSteps: number;
  readonly totalSteps: number;
  /** 0 … 100. */
  readonly percent: number;
}

/** The state of one execution at one moment. It is immutable, and parts that did not change stay the same objects. */
export interface ExecutionSnapshot extends Readonly<Omit<ExecutionState, 'steps' | 'waits' | 'branches'>> {
  readonly steps: readonly Step[];
  /** The open waits, in the order in which they began. */
  readonly waits: readonly OpenWait[];
  /** The decisions on the edges of each node that has decided them, by node id. Edges are named by `edgeName`. */
  readonly branches: { readonly [nodeId: string]: Branch };
  /** Whether a node has waited for child executions. */
  readonly hasChildren: boolean;
  /** In the order in which they started. */
  readonly nodes: readonly NodeView[];
  readonly toolCalls: ListView<ToolCall>;
  /** The calls of each model, by its name. Without those of child executions. */
  readonly modelCalls: { readonly [model: string]: ModelCalls };
  /** Whether tokens of calls that broke may be missing in `tokenUsage` and `costUSD`. */
  readonly tokensMayBeMissing: boolean;
  readonly retries: ListView<Retry>;
  /** undefined before the first `execution:progress`. */
  readonly progress: Progress | undefined;
  readonly error: ExecutionFailure | undefined;
  /** The output of a completed execution. */
  readonly output: Json | undefined;
  /** The nodes that wait for an approval. `waits` has the questions. */
  readonly approvals: readonly NodeView[];
  readonly projectId: string | undefined;
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  /** The latest events, in order. Older events are in the journal. */
  readonly recentEvents: ListView<ExecutionEvent>;
  readonly connection: ConnectionState;
  /** When `connection` last changed, in ms since 1970. */
  readonly connectionSince: number;
  /** Server clock minus local clock, in ms. */
  readonly clockOffset: number;
  /** Whether all events are here that were recorded when the connection opened. Further events are new. */
  readonly caughtUp: boolean;
}

const EMPTY_LIST = new ListView<never>([], 0, 0);

/** The state before the first event, and during server rendering. */
export const EMPTY: ExecutionSnapshot = Object.freeze({
  ...initialState(),
  hasChildren: false,
  nodes: [],
  toolCalls: EMPTY_LIST,
  modelCalls: {},
  tokensMayBeMissing: false,
  retries: EMPTY_LIST,
  progress: undefined,
  error: undefined,
  output: undefined,
  approvals: [],
  projectId: undefined,
  startedAt: undefined,
  endedAt: undefined,
  recentEvents: EMPTY_LIST,
  connection: { status: 'idle' },
  connectionSince: 0,
  clockOffset: 0,
  caughtUp: false,
} satisfies ExecutionSnapshot);

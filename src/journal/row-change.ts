import type {
  Execution,
  ExecutionFailure,
  ExecutionOptions,
  Json,
  WaitKind,
  WaitOutcome,
  Workflow,
  WorkflowVersionRef,
} from '@cloutagent/contract';
import type { KeptWork, WaitDetails } from '../database/schema.js';

/** Columns of the execution's row, and rows that belong to it, that an append changes in the same commit. */
export interface RowChange {
  status?: Execution['status'];
  /** When the status changed, in ISO 8601. It is stored as the time of the start or of the end. */
  at?: string;
  output?: Json;
  error?: ExecutionFailure;
  /** Waits that begin. */
  opens?: readonly NewWait[];
  /** Waits whose end these events record. */
  records?: readonly RecordedWait[];
  /** Child executions that begin with a wait of kind `children`. */
  children?: readonly NewChildren[];
  /** Tokens that count towards the tree of executions. */
  treeUsage?: readonly TreeUsage[];
  /** Whole answers of models, with their calls of tools. */
  rounds?: readonly NewRound[];
  /** What became of calls of tools. */
  toolCalls?: readonly ToolCallChange[];
}

/** An answer of a model that an append inserts. */
interface NewRound {
  nodeId: string;
  round: number;
  stepId: string;
  /** The last event of the answer. */
  sequence: number;
  content: Json;
  problem?: string | undefined;
  calls: readonly {
    index: number;
    toolId: string;
    toolName: string;
    args: Json;
    /** Why it is not carried out. */
    refusal?: string | undefined;
    /** Whether it may be sent at once. */
    started: boolean;
  }[];
}

/** A change of a call of a tool. */
export interface ToolCallChange {
  nodeId: string;
  round: number;
  index: number;
  /** Given if the call may now be sent. */
  started?: true;
  /** Given if the result is known now. */
  result?: Json;
  /** Given if the append records the event of the result. */
  recorded?: { stepId: string; sequence: number };
}

/** A wait whose end an append records, and the outcome that the event has. */
export interface RecordedWait {
  id: string;
  outcome: WaitOutcome;
}

/** A wait that an append inserts. */
export interface NewWait {
  id: string;
  projectId: string;
  nodeId: string;
  stepId: string;
  key: string;
  kind: WaitKind;
  details: WaitDetails;
  signal?: string | undefined;
  assignees?: readonly string[] | undefined;
  /** When it fires or expires: a time in ISO 8601, or ms from the commit by the clock of the database. */
  until?: string | { ms: number } | undefined;
}

/** Child executions that an append inserts. They have the project, the tags and the principal of their parent. */
export interface NewChildren {
  /** The wait that ends when they have ended. The engine sets it. */
  waitId?: string;
  nodeId: string;
  rootId: string;
  depth: number;
  workflow: Workflow;
  /** The saved workflow that `workflow` is a version of. */
  savedAs?: WorkflowVersionRef | undefined;
  options: ExecutionOptions;
  children: readonly NewChild[];
  /** Ids of earlier children that the new ones replace. */
  supersedes?: readonly string[];
}

export interface NewChild {
  id: string;
  index: number;
  input: Json;
  /** Whether it is queued immediately. Otherwise the end of another child queues it. */
  isQueued: boolean;
  rerunOf?: string | undefined;
  kept?: KeptWork | undefined;
}

/** Tokens of one model, added to the counter of a tree. */
export interface TreeUsage {
  rootId: string;
  model: string;
  input: number;
  output: number;
  /** null if the price is not known. */
  costUSD: number | null;
}

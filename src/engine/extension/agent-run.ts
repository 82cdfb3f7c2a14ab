import type { EventDraft, Json } from '@cloutagent/contract';
import type { ReportedUsage } from './model-usage.js';
import type { NodeRun } from './node-handler.js';
import type { WaitResult } from './waiting.js';

/** A call of a tool that a model wants. */
export interface StoredCall {
  /** Counted from 0 in its round. */
  readonly index: number;
  /** The id that the model gave it. */
  readonly toolId: string;
  /** The full name. */
  readonly toolName: string;
  readonly args: Json;
}

/** What became of a call. */
export interface CallState {
  /** Whether it may have been sent. */
  started: boolean;
  /** undefined: not known yet. */
  result: StoredResult | undefined;
  /** Whether the journal has the `execution:tool-result` event. */
  recorded: boolean;
}

/** The result of a call, as the model reads it. */
export interface StoredResult {
  readonly result: Json;
  readonly isError: boolean;
  /** `ToolOutput.content`. */
  readonly content?: Json;
  /** The arguments, if a person has changed them. */
  readonly args?: Json;
}

/** A whole answer of a model that is not the last one of its node: with calls of tools, or to be corrected. */
export interface StoredRound {
  /** Counted from 1 in its node. */
  readonly round: number;
  /** The parts of the assistant's message, with the metadata of the provider. */
  readonly content: Json;
  /** For an answer that does not fit the schema: what is wrong with it. */
  readonly problem?: string | undefined;
  readonly calls: readonly (StoredCall & CallState)[];
}

/** What an agent stores, so that no attempt asks or sends again what an earlier one has done. */
export interface RoundStore {
  /** Reads the rounds of the node so far, in their order. */
  load(): Promise<StoredRound[]>;
  /**
   * Stores a whole answer with its calls, together with the events about it, and resolves when they are committed.
   * @param started whether each call may be sent at once, in the order of the calls
   */
  add(
    round: Omit<StoredRound, 'calls'> & { calls: readonly StoredCall[] },
    started: readonly boolean[],
    events: readonly EventDraft[],
  ): Promise<void>;
  /** Stores that a call which a person has allowed may now be sent. */
  start(round: number, index: number): Promise<void>;
  /** Stores the result of a call, immediately, also while the execution is paused; and records its event when it is not. */
  finish(round: number, call: StoredCall, result: StoredResult): Promise<void>;
  /** The key of a call, the same for every attempt. */
  keyOf(round: number, index: number): string;
}

/** The run of a built-in node that calls models. */
export interface AgentRun<Config> extends NodeRun<Config> {
  readonly rounds: RoundStore;
  /** Returns how a wait of the node has ended; undefined if it is open, or has not begun. */
  endedWait(key: string): WaitResult<'tool'> | undefined;
  /**
   * Makes known that a call of a model is in progress. If the attempt ends before `countTokens`, the engine counts what
   * `reported` returns.
   */
  beginCall(model: string, reported: () => ReportedUsage | undefined): void;
  /** Sets the fields of the step that say how the last answer ended. */
  setFinish(finish: { finishReason?: string; incomplete?: boolean }): void;
}

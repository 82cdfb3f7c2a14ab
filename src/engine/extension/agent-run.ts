import type { Json } from '@cloutagent/contract';
import type { ModelUsage, ReportedUsage } from './model-usage.js';
import { type NodeError, type NodeRun, TransientError } from './node-handler.js';
import type { WaitResult } from './waiting.js';

/** The result of a call of a tool, as it is stored. */
export interface StoredResult {
  /** In the `execution:tool-result` event. */
  readonly result: Json;
  readonly isError: boolean;
  /** What the model reads, if it is not `result`: `ToolOutput.content`. */
  readonly content?: Json;
  /** The arguments, if a person has changed them. */
  readonly args?: Json;
}

/** A call of a tool that a model wants, and what became of it. */
export interface RoundCall {
  readonly round: number;
  /** Counted from 0 in its round. */
  readonly index: number;
  /** The id that the model gave it. */
  readonly toolId: string;
  /** The full name. */
  readonly toolName: string;
  readonly args: Json;
  /** Why it is not carried out, for the model; undefined if it may be. */
  readonly refusal: string | undefined;
  /** Whether it may have been sent. */
  started: boolean;
  /** undefined while it is not known. */
  result: StoredResult | undefined;
  /** Whether the journal has the event of the result. */
  recorded: boolean;
}

/** A whole answer of a model that is not the last one of its node: it has calls of tools, or it has to be corrected. */
export interface Round {
  /** Counted from 1 in its node. */
  readonly round: number;
  /** The parts of the assistant's message, with the metadata of the provider. */
  readonly content: Json;
  /** What is wrong with an answer that does not fit its schema. */
  readonly problem: string | undefined;
  readonly calls: readonly RoundCall[];
}

/** A whole answer that is to be stored. */
export interface NewRound extends Pick<Round, 'round' | 'content' | 'problem'> {
  readonly model: string;
  readonly usage: ModelUsage;
  /** `started`: whether the call may be sent at once. */
  readonly calls: readonly Pick<RoundCall, 'toolId' | 'toolName' | 'args' | 'refusal' | 'started'>[];
}

/** Stores what an agent has done, so that no later attempt asks or sends it again. */
export interface RoundStore {
  /** Reads the rounds of the node so far, in their order. */
  load(): Promise<Round[]>;
  /**
   * Stores an answer and its calls, and records its usage and an `execution:tool-call` event for each call, in one commit.
   * Resolves when it is committed. While the execution is paused, it waits.
   * @throws the reason of the run's signal; NodeError `output_too_deep`, `output_not_json`
   */
  add(round: NewRound): Promise<Round>;
  /** Stores that a call which a person has allowed may now be sent. While the execution is paused, it waits. */
  start(call: RoundCall): Promise<void>;
  /** Makes known that a call is sent now. A shutdown waits a little for its result. */
  sending(call: RoundCall): void;
  /**
   * Stores the result of a call immediately, and records its event when the execution is not paused.
   * @throws NodeError `output_too_deep`, `output_not_json`, before anything is stored
   */
  finish(call: RoundCall, result: StoredResult): Promise<void>;
  /** Returns the key of a call: the same for each attempt, and different for every other call. */
  keyOf(call: Pick<RoundCall, 'round' | 'index'>): string;
}

/** The run of a built-in node that calls models. */
export interface AgentRun<Config> extends NodeRun<Config> {
  readonly rounds: RoundStore;
  /** Returns how a wait of the node has ended; undefined if it is open, or has not begun. */
  endedWait(key: string): WaitResult<'tool'> | undefined;
  /**
   * How many attempts at the node have failed before. Those that the death of a process cut off, and those after which the model
   * corrects its answer, do not count.
   */
  readonly failures: number;
  /** Makes the data for conditions: `input`, `execution`, and `nodes` if a condition mentions it. */
  conditionDocument(conditions: readonly string[]): { [name: string]: Json };
  /**
   * Makes known that a call of a model begins. If the attempt ends before `countTokens` or `rounds.add`, the engine counts
   * what `reported` returns.
   */
  beginCall(model: string, reported: () => ReportedUsage | undefined): void;
  /**
   * Does what `reveal` does for the placeholders of secrets in a setting of the operator. They are secrets of the execution's
   * project.
   */
  revealSetting<T>(value: T, target: { readonly url: string }): Promise<T>;
  /** Sets what the end of the step says about the last answer. */
  setFinish(finish: { finishReason: string; incomplete: boolean }): void;
}

/**
 * The output that watchers have seen is not valid, and the agent continues at once in another attempt: with another model, or
 * with a correction. Such an attempt does not count as a retry.
 */
export class RepeatNowError extends TransientError {
  constructor({ code, message, cause }: NodeError) {
    super(code, message, 0, { cause });
  }
}

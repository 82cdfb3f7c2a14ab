import type { ExecutionEvent, Json, Workflow, WorkflowVersionRef } from '@cloutagent/contract';

/** A conversation of a client that an execution is a part of, as a protocol names it. */
export interface ExecutionThread {
  /** The name of the protocol, such as `ai-sdk`. */
  readonly protocol: string;
  /** The client's id of the conversation. */
  readonly threadId: string;
  /** What the protocol has to know later about the request that started the execution. */
  readonly data: Json;
}

/** What a format knows of an execution. None of it changes while the execution exists. */
export interface FormattedExecution {
  readonly id: string;
  readonly projectId: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly input: Json;
  readonly workflow: Workflow;
  /** The saved workflow that the execution runs. */
  readonly savedAs?: WorkflowVersionRef | undefined;
  /** The conversation that the execution is a part of. */
  readonly thread?: ExecutionThread | undefined;
}

/** One server-sent event. Its id is added when it is framed. */
export interface OutputFrame {
  /** The event's type. Without it, the frame has only data. */
  readonly event?: string;
  /** An object is sent as JSON. A text is sent as it is, and must not contain a line break. */
  readonly data: object | string;
}

/**
 * Translates the events of an execution into another protocol. A class with `@StreamFormat('name')` implements it.
 *
 * A format is a pure function: the same events give the same frames on every process and at every time. It must not read the
 * clock, make random ids or have fields that change. The state of one execution is a value that the format makes in `begin`
 * and changes in `encode`. It consists of plain objects, arrays, texts, numbers, booleans, null and undefined, so that it can
 * be copied. The server encodes each event once for all streams with the same format, and starts again from a copy of an
 * earlier state for a stream that is behind.
 */
export interface EventFormat<State extends object = object> {
  /**
   * Whether every blank line of a stream ends a frame: no `retry` and no heartbeat stands alone. For clients that read an event
   * without data there, and fail, such as OpenAI's client for Python. Default: false.
   */
  readonly sendsOnlyFrames?: boolean;
  /** Returns headers of the response in addition to those of every stream. */
  headers?(execution: FormattedExecution): Readonly<Record<string, string>>;
  /** Returns the state before the first event. */
  begin(execution: FormattedExecution): State;
  /**
   * Returns the frames of the next event, often none. May change the state.
   * @param event in order, each once, beginning with sequence 1. Its type may be one that this version does not know.
   */
  encode(event: ExecutionEvent, state: State): readonly OutputFrame[];
  /**
   * Returns the frames with which each stream begins, also one that begins in the middle: what a client needs that has none
   * of the frames before. They have no ids. A format with this method sends all frames of an event again to a client that
   * has received some of them. Without it, a stream begins with the frames of the next event.
   */
  opening?(state: State): readonly OutputFrame[];
  /**
   * Returns whether the client has to act before more frames come, such as to answer a wait. Streams that are answers to a
   * request of the protocol end then.
   */
  isIdle?(state: State): boolean;
  /**
   * Returns the frames that a client receives if the server ends its stream before the execution has ended, such as when the
   * server restarts. Protocols that take the end of the stream for the end of the answer need an error here. A format with this
   * method is refused over HTTP/1.0, in which a broken connection looks like the end.
   */
  interrupted?(): readonly OutputFrame[];
}

import type { ExecutionEventOf, ExecutionStatus, Json, StepStatus } from '@cloutagent/contract';

/** The state of one execution in the AI SDK's UI message stream. */
export interface UiState {
  readonly executionId: string;
  readonly workflow: string | undefined;
  readonly createdAt: string;
  status: ExecutionStatus;
  hasStarted: boolean;
  /** Whether the frames so far end with a request to the client. */
  isIdle: boolean;
  /** Whether a `start-step` has been sent. */
  hasStep: boolean;
  /** The nodes by id. */
  nodes: { [nodeId: string]: NodeState };
  /** The open waits, in the order in which they began. */
  waits: OpenWait[];
  /** The parts that the present step of the message consists of: those that a `reset-step` removes. */
  parts: Part[];
  /** JSON length of the results of tools in `parts`. */
  resultLength: number;
}

export interface NodeState {
  readonly label: string;
  readonly type: string;
  /** The ids of the nodes with edges to this one. */
  readonly sources: readonly string[];
  /** Whether its text is the answer. */
  readonly isAnswer: boolean;
  status: StepStatus | 'pending';
  attempt: number;
  stepId: string;
  /** The sequence up to which the events before the present step are part of its work. */
  start: number;
  /** The newest step that has kept anything, and how far. */
  kept: { stepId: string; through: number } | undefined;
  /** No event up to this sequence can become invalid. */
  sealed: number;
  /** Whether a part of an earlier step of the message has text of it. */
  hasText: boolean;
  /** The text so far, at most `MAX_TEXT` characters. Empty for an answer. */
  text: string;
  /** How much of `text` is sealed. */
  sealedLength: number;
  /** The event with which the text after `sealedLength` begins. */
  textFrom: number;
  /** How much of the text has been sent. */
  sentLength: number;
  isCut: boolean;
  output: Json | undefined;
  error: { message: string; code?: string } | undefined;
  finishReason: string | undefined;
}

export type OpenWait = Pick<
  ExecutionEventOf<'execution:waiting'>,
  'waitId' | 'nodeId' | 'kind' | 'message' | 'schema' | 'toolName' | 'toolArgs' | 'signal' | 'until'
>;

export type Part = TextPart | ToolPart | DataPart;

export interface TextPart {
  readonly kind: 'text' | 'reasoning';
  readonly nodeId: string;
  /** The sequence of its first event. */
  readonly from: number;
  readonly id: string;
  text: string;
  isOpen: boolean;
}

export interface ToolPart {
  readonly kind: 'tool';
  readonly nodeId: string;
  readonly from: number;
  readonly toolCallId: string;
  /** The id of the call in the journal; undefined for an approval. */
  readonly toolId: string | undefined;
  readonly toolName: string;
  input: Json;
  /** The wait that asks for consent, once the client has been asked. */
  approval: { id: string; reason?: string } | undefined;
  /** The decision of a person, as far as events show it. */
  decision: { approved: boolean; reason?: string } | undefined;
  result: ToolResult | undefined;
}

/** What has become of a call. */
export type ToolResult =
  { kind: 'output'; output: Json } | { kind: 'error'; text: string } | { kind: 'denied' };

/** The `data-node` part of a node. */
export interface DataPart {
  readonly kind: 'node';
  readonly nodeId: string;
}

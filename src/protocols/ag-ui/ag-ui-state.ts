import type {
  ExecutionProgress,
  ExecutionStatus,
  Json,
  OpenWait,
  StepStatus,
  Workflow,
} from '@cloutagent/contract';
import type { FormattedExecution } from '../../streaming/formats/event-format.js';
import { answerNodes } from '../answer-nodes.js';
import type { AgUiAssistantMessage, AgUiToolMessage, AgUiUsage } from './ag-ui-events.js';
import type { ThreadData } from './thread-data.js';

/** What the engine's rules about edges need of a workflow. */
interface GraphShape {
  readonly nodes: {
    id: string;
    type: string;
    data: { config: Record<string, never>; join?: 'all' | 'any' };
  }[];
  readonly edges: Workflow['edges'];
}

/** A step that runs or waits. */
export interface OpenStep {
  readonly stepId: string;
  readonly nodeId: string;
  readonly nodeType: string;
  /** The node's label, or its id. */
  readonly name: string;
  status: 'running' | 'waiting';
  /** Number of messages of the step so far. Their ids are made of it. */
  parts: number;
  /** The message that is open for text. */
  text?: string | undefined;
  /** The reasoning message that is open. */
  reasoning?: string | undefined;
  /** The message to which the tool calls of the present answer belong. */
  message?: string | undefined;
}

/** A message of the execution, with what decides whether a retry drops it. */
export interface StoredMessage {
  readonly nodeId: string;
  /** The sequence of its first event. */
  readonly sequence: number;
  readonly message: AgUiAssistantMessage;
  readonly results: { sequence: number; toolId: string; message: AgUiToolMessage }[];
}

/** A tool call that has no result. */
export interface OpenCall {
  readonly id: string;
  readonly nodeId: string;
  /** The id that the provider has given. It may repeat in other nodes and answers. */
  readonly toolId: string;
  readonly toolName: string;
  readonly args: Json;
  /** The id of its message. */
  readonly messageId: string;
}

/** Where a run has ended with interrupts. A resumed stream begins after it. */
export interface InterruptPoint {
  readonly sequence: number;
  /** The ids of the interrupts. */
  readonly ids: string[];
}

/** The member `execution` of the state that the client shares. */
interface SharedExecution {
  readonly id: string;
  status: ExecutionStatus;
  progress: ExecutionProgress;
  /** The status of the newest step of each node that has one. */
  nodes: Record<string, StepStatus>;
}

/** The state of the format. It is plain data. */
export interface AgUiState {
  readonly threadId: string;
  /** The id of the first run. */
  readonly runId: string;
  readonly answers: string[];
  readonly graph: GraphShape;
  /** What the client sent with the request that started the execution. */
  readonly given: Pick<ThreadData, 'messages' | 'state'> | undefined;
  /** Number of runs that have begun. */
  runs: number;
  phase: 'before' | 'running' | 'interrupted' | 'ended';
  readonly shared: SharedExecution;
  /** By step id. */
  steps: Record<string, OpenStep>;
  /** Decisions on edges, by node id. */
  branches: Record<string, string[]>;
  waits: OpenWait[];
  /** Nodes of which a wait has ended, and whose next step event follows. */
  resuming: string[];
  /** The messages of the execution, by id, in the order in which they began. */
  messages: Record<string, StoredMessage>;
  calls: OpenCall[];
  /** Characters of all messages, about. */
  size: number;
  /** Of each step: the sequence up to which earlier events of its node are part of its work. */
  starts: Record<string, number>;
  /** Of each step that was retried and has kept work: the sequence up to which its events stay valid. */
  kept: Record<string, number>;
  /** The tokens of the present run. */
  usage: AgUiUsage[];
  /** The tokens of all runs. */
  total: { input: number; output: number };
  points: InterruptPoint[];
}

/** Returns the state before the first event of an execution. */
export function beginState(execution: FormattedExecution, data: ThreadData | undefined): AgUiState {
  const { id, workflow } = execution;
  return {
    threadId: data?.threadId ?? id,
    runId: data?.runId ?? id,
    answers: answerNodes(workflow),
    graph: shapeOf(workflow),
    given: data && { messages: data.messages, state: data.state },
    runs: 0,
    phase: 'before',
    shared: {
      id,
      status: 'queued',
      progress: { completedSteps: 0, totalSteps: workflow.nodes.length, percent: 0 },
      nodes: {},
    },
    steps: {},
    branches: {},
    waits: [],
    resuming: [],
    messages: {},
    calls: [],
    size: data ? JSON.stringify(data.messages).length : 0,
    starts: {},
    kept: {},
    usage: [],
    total: { input: 0, output: 0 },
    points: [],
  };
}

const shapeOf = ({ nodes, edges }: Workflow): GraphShape => ({
  nodes: nodes.map(({ id, type, data: { join } }) => ({
    id,
    type,
    data: { config: {}, ...(join !== undefined && { join }) },
  })),
  edges: edges.map(({ id, source, target, on, when, otherwise }) => ({
    ...(id !== undefined && { id }),
    source,
    target,
    ...(on !== undefined && { on }),
    // Which edges have conditions matters, and not what these say.
    ...(when !== undefined && { when: '?' }),
    ...(otherwise !== undefined && { otherwise }),
  })),
});

/** Returns the own member of a record, also for keys such as `constructor`. */
export const ownOf = <Value>(record: Record<string, Value>, key: string): Value | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

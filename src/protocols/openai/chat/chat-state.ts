import { newAttempts, type NodeAttempts } from '../kept-sequence.js';

/** An answering node. */
export interface AnswerState extends NodeAttempts {
  readonly nodeId: string;
  /** Number of characters that are valid so far. */
  length: number;
  /** How much of the text has been sent. */
  sent: number;
  /** The end of the text, which has not been sent because another node's text comes first. */
  unsent: string;
  /** Lengths of the text at the events up to which a retry may keep it: sequence and length. */
  marks: [sequence: number, length: number][];
  isDone: boolean;
}

/** The state of the format `openai-chat`. */
export interface ChatState {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly includeUsage: boolean;
  readonly answers: readonly string[];
  hasBegun: boolean;
  /** The error has been sent, so nothing follows. */
  isCut: boolean;
  /** Whether any text has been sent. */
  hasText: boolean;
  finishReason: 'stop' | 'length' | 'content_filter';
  usage: { input: number; output: number; total: number };
  /** The answering nodes, in the order in which their texts are sent. */
  nodes: AnswerState[];
}

/** Returns the state of an answering node, and adds it if the node has just begun. */
export function answerIn({ nodes }: ChatState, nodeId: string): AnswerState {
  const known = nodes.find((node) => node.nodeId === nodeId);
  if (known) return known;
  const node = { nodeId, ...newAttempts(), length: 0, sent: 0, unsent: '', marks: [], isDone: false };
  nodes.push(node);
  return node;
}

/** Notes that a retry may keep the text of the node up to this event. */
export function mark({ marks, length }: AnswerState, sequence: number): void {
  if (marks.at(-1)?.[1] !== length) marks.push([sequence, length]);
}

/**
 * Drops the text of a node after an event.
 * @returns whether text that has been sent is dropped
 */
export function dropText(node: AnswerState, sequence: number): boolean {
  const [, length] = node.marks.findLast(([at]) => at <= sequence) ?? [0, 0];
  node.marks = node.marks.filter(([at]) => at <= sequence);
  const isTakenBack = node.sent > length;
  node.unsent = node.unsent.slice(0, Math.max(0, length - node.sent));
  node.length = length;
  node.sent = Math.min(node.sent, length);
  return isTakenBack;
}

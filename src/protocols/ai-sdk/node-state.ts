import type { ExecutionEventOf, Json, Workflow } from '@cloutagent/contract';
import { answerNodes } from '../answer-nodes.js';
import type { Send } from './ui-chunk.js';
import type { DataPart, NodeState, OpenWait, UiState } from './ui-state.js';

/** The most characters of text, and of an output as JSON, in a `data-node` part. The client sends them back in each request. */
const MAX_TEXT = 2_000;
/** A `data-node` part repeats the text so far, so it is sent only when this many characters are new. */
const TEXT_STEP = 200;

export function newNodes(workflow: Workflow): UiState['nodes'] {
  const answers = new Set(answerNodes(workflow));
  const sources = new Map<string, Set<string>>();
  for (const { source, target } of workflow.edges)
    sources.set(target, (sources.get(target) ?? new Set()).add(source));
  return Object.fromEntries(
    workflow.nodes.map(({ id, type, data }): [string, NodeState] => [
      id,
      {
        label: data.label ?? id,
        type,
        sources: [...(sources.get(id) ?? [])],
        isAnswer: answers.has(id),
        status: 'pending',
        attempt: 1,
        stepId: '',
        start: 0,
        kept: undefined,
        sealed: 0,
        hasText: false,
        text: '',
        sealedLength: 0,
        textFrom: 0,
        sentLength: 0,
        isCut: false,
        output: undefined,
        error: undefined,
        finishReason: undefined,
      },
    ]),
  );
}

/**
 * Returns the sequence up to which the earlier events of the step's node stay valid; `Infinity` if all do. The rules are those
 * of `KeptWork` of the contract, on a state that can be copied.
 */
export function validThrough(
  node: NodeState,
  { stepId, status, continues, keptThrough }: ExecutionEventOf<'execution:step'>,
): number {
  const isNew = node.stepId !== stepId;
  if (isNew) {
    node.stepId = stepId;
    node.start = continues !== undefined && node.kept?.stepId === continues ? node.kept.through : 0;
  }
  if (status !== 'retrying') return isNew ? node.start : Infinity;
  if (keptThrough === undefined) return node.start;
  const through = Math.max(node.start, keptThrough);
  node.kept = { stepId, through };
  node.sealed = Math.max(node.sealed, through);
  return through;
}

/** Removes the text of a node that is no longer valid. */
export function dropText(node: NodeState, through: number): void {
  if (through === 0) node.sealedLength = 0;
  else if (node.textFrom <= through) return;
  if (node.text.length > node.sealedLength) node.isCut = false;
  node.text = node.text.slice(0, node.sealedLength);
  node.sentLength = Math.min(node.sentLength, node.text.length);
}

/** Marks everything that a node has done so far as final. */
export function seal(node: NodeState, sequence: number): void {
  node.sealed = sequence;
  node.sealedLength = node.text.length;
}

/** Adds text of a node whose text is not the answer, and sends its part from time to time. */
export function addNodeText(
  state: UiState,
  { nodeId, chunk, sequence }: ExecutionEventOf<'execution:output'>,
  send: Send,
): void {
  const node = state.nodes[nodeId]!;
  if (node.isCut) return;
  if (node.text.length === node.sealedLength) node.textFrom = sequence;
  node.isCut = node.text.length + chunk.length > MAX_TEXT;
  node.text = cut(node.text + chunk, MAX_TEXT);
  const isDue = node.sentLength === 0 || node.isCut || node.text.length - node.sentLength >= TEXT_STEP;
  if (isDue) sendNode(state, nodeId, send);
}

/** Sends the `data-node` part of a node as it is now. */
export function sendNode(state: UiState, nodeId: string, send: Send): void {
  const node = state.nodes[nodeId]!;
  node.sentLength = node.text.length;
  const known = state.parts.some((part) => part.kind === 'node' && part.nodeId === nodeId);
  // A part that is not in the present step may be in an earlier one, which no reset reaches. Sending it again is harmless.
  if (!known && state.hasStep) state.parts.push({ kind: 'node', nodeId } satisfies DataPart);
  send({ type: 'data-node', id: nodeId, data: nodeData(state, nodeId, node) });
}

function nodeData(state: UiState, nodeId: string, node: NodeState): object {
  const { label, type, status, attempt, text, isCut, output, error, finishReason } = node;
  const waits = state.waits.filter((wait) => wait.nodeId === nodeId).map(shownWait);
  return {
    nodeId,
    label,
    nodeType: type,
    status,
    ...(status !== 'pending' && status !== 'skipped' && { attempt }),
    ...(text !== '' && { text }),
    ...(output !== undefined && { output }),
    ...(isCut && { isCut }),
    ...(waits.length > 0 && { waits }),
    ...(error && { error }),
    ...(finishReason !== undefined && { finishReason }),
  };
}

const shownWait = ({ waitId, kind, message, signal, toolName, until }: OpenWait): object => ({
  waitId,
  kind,
  ...(message !== undefined && { message: cut(message, MAX_TEXT) }),
  ...(signal !== undefined && { signal }),
  ...(toolName !== undefined && { toolName }),
  ...(until !== undefined && { until }),
});

/** Sets the output of a node that has completed, as far as its part may show it. */
export function setOutput(node: NodeState, output: Json | undefined): void {
  if (node.isAnswer || output === undefined) return;
  const text = typeof output === 'string' ? output : JSON.stringify(output);
  node.isCut = text.length > MAX_TEXT;
  node.output = node.isCut ? cut(text, MAX_TEXT) : output;
  node.text = '';
}

/** Cuts a text, and no character in two. */
const cut = (text: string, length: number): string =>
  text.length <= length
    ? text
    : text.slice(0, /[\uD800-\uDBFF]/.test(text[length - 1]!) ? length - 1 : length);

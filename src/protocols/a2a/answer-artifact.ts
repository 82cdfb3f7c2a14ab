import type { ExecutionEventOf, Json } from '@cloutagent/contract';
import type { Artifact, Part } from './a2a-types.js';

/**
 * The answer of one node, as far as it stands. Plain data, because it is a part of the state of a format.
 *
 * An attempt that fails may leave text that stays valid: `keptThrough` names the last event of it. Such an event is a result
 * of a tool, or the usage and cost of a call of a model, and never a chunk. So the length of the text is noted at those events
 * and not at each chunk.
 */
export interface AnswerArtifact {
  readonly nodeId: string;
  readonly name: string | undefined;
  text: string;
  /** The output of the node, if its text does not say all of it. */
  data: Json | undefined;
  hasData: boolean;
  /** Whether clients have the artifact. */
  isShown: boolean;
  /** The lengths of the text at events after which it may be kept: sequence and length, in turn. */
  marks: number[];
  /** The newest step of the node. */
  stepId: string | undefined;
  /** The length of the text that the newest step continues. */
  start: number;
  /** The step that has kept text, and the length of this text. */
  keptStepId: string | undefined;
  keptLength: number;
}

/** What clients have to do with an artifact. `parts` follow the parts that they have, or replace them. */
export interface ArtifactChange {
  readonly parts: Part[];
  readonly append: boolean;
  readonly lastChunk: boolean;
}

export const newArtifact = (nodeId: string, name: string | undefined): AnswerArtifact => ({
  nodeId,
  name,
  text: '',
  data: undefined,
  hasData: false,
  isShown: false,
  marks: [],
  stepId: undefined,
  start: 0,
  keptStepId: undefined,
  keptLength: 0,
});

/** Adds a chunk of the text. */
export function addChunk(artifact: AnswerArtifact, chunk: string): ArtifactChange | undefined {
  if (chunk === '') return undefined;
  const append = artifact.isShown;
  artifact.text += chunk;
  artifact.isShown = true;
  return { parts: [{ text: chunk }], append, lastChunk: false };
}

/** Notes the length of the text at an event after which it may be kept. */
export function markLength(artifact: AnswerArtifact, sequence: number): void {
  // The earliest of several marks with the same length serves them all.
  if (artifact.marks.at(-1) === artifact.text.length) return;
  artifact.marks.push(sequence, artifact.text.length);
}

/** Applies an event of the node's steps. */
export function applyStep(
  artifact: AnswerArtifact,
  event: ExecutionEventOf<'execution:step'>,
): ArtifactChange | undefined {
  const { stepId, status, continues, keptThrough } = event;
  if (status === 'skipped') return undefined;
  let change: ArtifactChange | undefined;
  if (artifact.stepId !== stepId) {
    artifact.stepId = stepId;
    artifact.start = continues !== undefined && continues === artifact.keptStepId ? artifact.keptLength : 0;
    change = cutText(artifact, artifact.start);
  }
  if (status === 'retrying') return cutText(artifact, keptLength(artifact, stepId, keptThrough)) ?? change;
  return status === 'completed' ? complete(artifact, event.output) : change;
}

/** Makes the artifact as it stands. */
export function artifactOf({ nodeId, name, text, data, hasData }: AnswerArtifact): Artifact {
  const parts = [...(text !== '' || !hasData ? [{ text }] : []), ...(hasData ? [dataPart(data)] : [])];
  return { artifactId: nodeId, ...(name !== undefined && { name }), parts };
}

const dataPart = (data: Json | undefined): Part => ({ data: data ?? null, mediaType: 'application/json' });

function keptLength(artifact: AnswerArtifact, stepId: string, keptThrough: number | undefined): number {
  if (keptThrough === undefined) return artifact.start;
  let length = artifact.start;
  const { marks } = artifact;
  for (let at = 0; at < marks.length && marks[at]! <= keptThrough; at += 2) length = marks[at + 1]!;
  length = Math.max(artifact.start, length);
  artifact.keptStepId = stepId;
  artifact.keptLength = length;
  return length;
}

function cutText(artifact: AnswerArtifact, length: number): ArtifactChange | undefined {
  const { marks } = artifact;
  while (marks.length > 0 && marks.at(-1)! > length) marks.length -= 2;
  if (artifact.text.length <= length && !artifact.hasData) return undefined;
  artifact.text = artifact.text.slice(0, length);
  artifact.data = undefined;
  artifact.hasData = false;
  return artifact.isShown ? { parts: [{ text: artifact.text }], append: false, lastChunk: false } : undefined;
}

/** The output of a node is its answer, in addition to its text unless it is a text itself. */
function complete(artifact: AnswerArtifact, output: Json | undefined): ArtifactChange | undefined {
  const append = artifact.isShown;
  // A text that chunks have brought is the output, or has it at its end.
  const text = typeof output === 'string' && artifact.text === '' ? output : '';
  artifact.text += text;
  if (typeof output !== 'string' && output !== undefined && output !== null) {
    artifact.data = output;
    artifact.hasData = true;
  }
  if (!append && !artifact.hasData && text === '') return undefined;
  artifact.isShown = true;
  return { parts: artifact.hasData ? [dataPart(artifact.data)] : [{ text }], append, lastChunk: true };
}

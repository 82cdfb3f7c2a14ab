import type { Json, Workflow } from '@cloutagent/contract';

/**
 * Returns the ids of the last nodes of a workflow: their outputs are the output of an execution. What they emit as
 * `execution:output` is the answer that chat protocols show as text. A last node that completes without such an event answers
 * with its output, as `answerText` gives it.
 */
export function answerNodes({ nodes, edges }: Workflow): string[] {
  const sources = new Set(edges.map(({ source }) => source));
  return nodes.map(({ id }) => id).filter((id) => !sources.has(id));
}

/** Returns the output of a node as text: a string as it is, nothing for null, and other values as JSON. */
export const answerText = (output: Json | undefined): string =>
  output === undefined || output === null ? '' : typeof output === 'string' ? output : JSON.stringify(output);

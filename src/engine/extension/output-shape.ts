import type { Settings } from '../../config/settings.js';
import { jsonShape } from '../../common/json-shape.js';
import { NodeError } from './node-handler.js';

export type ShapeLimits = Pick<Settings, 'OUTPUT_MAX_DEPTH' | 'OUTPUT_MAX_PARTS'>;

/**
 * Refuses a JSON text before it is parsed: all executions stand still meanwhile.
 * @param json in UTF-8
 * @throws NodeError `output_too_deep`, `output_too_large`
 */
export function checkShape(json: Uint8Array, limits: ShapeLimits): void {
  const { depth, parts } = jsonShape(json);
  if (depth > limits.OUTPUT_MAX_DEPTH) throw outputTooDeep(limits);
  const most = limits.OUTPUT_MAX_PARTS;
  if (parts > most)
    throw new NodeError(
      'output_too_large',
      `What the node puts out has ${parts} lists, objects and members of objects; the limit is ${most} (OUTPUT_MAX_PARTS): have its source answer with less.`,
    );
}

export const outputTooDeep = ({ OUTPUT_MAX_DEPTH: most }: Pick<Settings, 'OUTPUT_MAX_DEPTH'>): NodeError =>
  new NodeError(
    'output_too_deep',
    `What the node puts out is nested more than ${most} deep (OUTPUT_MAX_DEPTH): have its source answer with less.`,
  );

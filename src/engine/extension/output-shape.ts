import type { Settings } from '../../config/settings.js';
import { jsonShape } from '../../common/json-shape.js';
import { NodeError } from './node-handler.js';

export type ShapeLimits = Pick<Settings, 'OUTPUT_MAX_DEPTH' | 'OUTPUT_MAX_PARTS'>;

/**
 * Refuses a JSON text that is too deep or has too many parts. Call it before `JSON.parse`: parsing such a text would
 * block the event loop, and with it every execution of the process.
 * @param json in UTF-8
 * @throws NodeError `output_too_deep`, `output_too_large`
 */
export function checkShape(json: Uint8Array, limits: ShapeLimits): void {
  const { depth, parts } = jsonShape(json);
  if (depth > limits.OUTPUT_MAX_DEPTH) throw outputTooDeep(limits);
  const maxParts = limits.OUTPUT_MAX_PARTS;
  if (parts > maxParts)
    throw new NodeError(
      'output_too_large',
      `The node's output has ${parts} parts (lists, objects and members of objects); the limit is ${maxParts} (OUTPUT_MAX_PARTS). Make its source return less data.`,
    );
}

export const outputTooDeep = ({
  OUTPUT_MAX_DEPTH: maxDepth,
}: Pick<Settings, 'OUTPUT_MAX_DEPTH'>): NodeError =>
  new NodeError(
    'output_too_deep',
    `The node's output is nested more than ${maxDepth} levels deep (OUTPUT_MAX_DEPTH). Make its source return flatter data.`,
  );

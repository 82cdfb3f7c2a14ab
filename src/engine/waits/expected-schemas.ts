import type { Workflow } from '@cloutagent/contract';
import { nodeOfCallback } from './signal-matching.js';

/** Whether a value has a placeholder somewhere, so that it is known only when its node runs. */
const hasPlaceholder = (value: unknown): boolean => JSON.stringify(value).includes('{{');

/**
 * Returns the schemas of the `wait` nodes that may consume a signal which is kept. The signal must fit one of them.
 * @returns undefined if any body may fit: a node has no schema, or one with placeholders, or no node is known to wait for
 *   the name, because nodes of modules wait too
 */
export function expectedSchemas(
  { nodes }: Workflow,
  name: string,
): readonly Record<string, unknown>[] | undefined {
  const target = nodeOfCallback(name);
  const schemas = new Map<string, Record<string, unknown>>();
  for (const { id, type, data } of nodes) {
    if (type !== 'wait') continue;
    const { signal, schema } = data.config;
    if (target === undefined ? signal !== name && !hasPlaceholder(signal ?? null) : id !== target) continue;
    if (typeof schema !== 'object' || schema === null || hasPlaceholder(schema)) return undefined;
    schemas.set(JSON.stringify(schema), schema as Record<string, unknown>);
  }
  return schemas.size === 0 ? undefined : [...schemas.values()];
}

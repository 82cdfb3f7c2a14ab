import type { Json } from '@cloutagent/contract';
import { NodeError } from './node-handler.js';

const PLACEHOLDER = /\{\{\s*(input|nodes\.([A-Za-z0-9._:-]+?)\.output)\s*\}\}/g;

/** Whether a string may contain placeholders. It can then be checked only after they are filled in. */
export const isTemplate = (text: string): boolean => text.includes('{{');

/** Finds the node ids that a config refers to, each with its path. */
export function references(
  config: unknown,
  path: (string | number)[] = [],
): { nodeId: string; path: (string | number)[] }[] {
  if (typeof config === 'string') {
    return [...config.matchAll(PLACEHOLDER)].flatMap((match) =>
      match[2] === undefined ? [] : [{ nodeId: match[2], path }],
    );
  }
  if (Array.isArray(config)) return config.flatMap((item, index) => references(item, [...path, index]));
  if (typeof config === 'object' && config !== null) {
    return Object.entries(config).flatMap(([key, value]) => references(value, [...path, key]));
  }
  return [];
}

/**
 * Fills `{{input}}` and `{{nodes.<id>.output}}` into every string of a config. Text is inserted unchanged, any other value
 * as JSON. Inserted text is not searched for placeholders again, so that an output cannot add placeholders.
 * @param maxBytes for all inserted text together: a few placeholders of a large output could exhaust the memory
 * @throws NodeError `config_too_large`
 */
export function fill(
  config: unknown,
  input: Json,
  outputs: ReadonlyMap<string, Json>,
  maxBytes: number,
): unknown {
  // By node id; the input has the key undefined.
  const texts = new Map<string | undefined, { text: string; bytes: number }>();
  let totalBytes = 0;
  const textOf = (nodeId: string | undefined): string => {
    let known = texts.get(nodeId);
    if (!known) {
      const text = asText(nodeId === undefined ? input : (outputs.get(nodeId) ?? null));
      known = { text, bytes: Buffer.byteLength(text) };
      texts.set(nodeId, known);
    }
    totalBytes += known.bytes;
    if (totalBytes > maxBytes)
      throw new NodeError(
        'config_too_large',
        `The config has more than ${maxBytes} bytes after its placeholders were filled in (CONFIG_MAX_BYTES). Refer to smaller outputs.`,
      );
    return known.text;
  };
  const fillIn = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replace(PLACEHOLDER, (_all, _what, nodeId: string | undefined) => textOf(nodeId));
    if (Array.isArray(value)) return value.map(fillIn);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item)]));
    return value;
  };
  return fillIn(config);
}

/** Returns text unchanged and any other value as JSON. */
export const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

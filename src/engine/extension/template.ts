import type { Json } from '@cloutagent/contract';
import { NodeError } from './node-handler.js';

const PLACEHOLDER = /\{\{\s*(input|nodes\.([A-Za-z0-9._:-]+?)\.output)\s*\}\}/g;

/** The node ids a config refers to, with where. */
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
 * Fills `{{input}}` and `{{nodes.<id>.output}}` into every string of a config. Text goes in as it is,
 * anything else as JSON. What is filled in is not looked at again, so an output cannot bring placeholders.
 * @param mostBytes of all that is filled in: a few placeholders of a large output would fill the memory
 * @throws NodeError `config_too_large`
 */
export function fill(
  config: unknown,
  input: Json,
  outputs: ReadonlyMap<string, Json>,
  mostBytes: number,
): unknown {
  const texts = new Map<string | undefined, { text: string; bytes: number }>();
  let bytes = 0;
  const textOf = (nodeId: string | undefined): string => {
    let known = texts.get(nodeId);
    if (!known) {
      const text = asText(nodeId === undefined ? input : (outputs.get(nodeId) ?? null));
      known = { text, bytes: Buffer.byteLength(text) };
      texts.set(nodeId, known);
    }
    bytes += known.bytes;
    if (bytes > mostBytes)
      throw new NodeError(
        'config_too_large',
        `Filled in, the config has more than ${mostBytes} bytes (CONFIG_MAX_BYTES).`,
      );
    return known.text;
  };
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replace(PLACEHOLDER, (_all, _what, nodeId: string | undefined) => textOf(nodeId));
    if (Array.isArray(value)) return value.map(filled);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item)]));
    return value;
  };
  return filled(config);
}

/** Text as it is, anything else as JSON. */
export const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

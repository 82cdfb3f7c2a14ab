import type { Json } from '@cloutagent/contract';

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
 */
export function fill(config: unknown, input: Json, outputs: ReadonlyMap<string, Json>): unknown {
  if (typeof config === 'string') {
    return config.replace(PLACEHOLDER, (_all, _what, nodeId: string | undefined) =>
      asText(nodeId === undefined ? input : (outputs.get(nodeId) ?? null)),
    );
  }
  if (Array.isArray(config)) return config.map((item) => fill(item, input, outputs));
  if (typeof config === 'object' && config !== null) {
    return Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key, fill(value, input, outputs)]),
    );
  }
  return config;
}

/** Text as it is, anything else as JSON. */
export const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

import type { Json } from '@cloutagent/contract';
import { urlEncoded } from './url-text.js';

/** Returns text unchanged and any other value as JSON. */
export const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** How a value is written into text. */
export const WRITERS = {
  plain: asText,
  url: (value: Json) => urlEncoded(asText(value)),
  json: (value: Json) => JSON.stringify(value),
  /** Inside a string of a JSON text. */
  jsonString: (value: Json) => JSON.stringify(asText(value)).slice(1, -1),
};
export type Writer = keyof typeof WRITERS;

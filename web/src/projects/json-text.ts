import type { Json } from '@cloutagent/contract';

/** Parses what a user types as a value: JSON, or else the text itself. An empty text is null. */
export function parseTyped(text: string): Json {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

import type { EventType, ExecutionEvent } from '@cloutagent/client';
import type { Json } from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';

const texts = new WeakMap<ExecutionEvent, string>();

function searchable(event: ExecutionEvent): string {
  let text = texts.get(event);
  if (text === undefined) {
    // Leave out the base64 of files: it is of no use to a search, and takes much memory.
    text = JSON.stringify(separateFiles(event as unknown as Json).value).toLowerCase();
    texts.set(event, text);
  }
  return text;
}

/** Returns the events of these types (all types if the set is empty) that contain the text. */
export function filterEvents(
  events: readonly ExecutionEvent[],
  types: ReadonlySet<EventType>,
  search: string,
): readonly ExecutionEvent[] {
  const query = search.trim().toLowerCase();
  if (types.size === 0 && query === '') return events;
  // The search text may be JSON itself, or text whose quotes and line breaks are escaped in the JSON.
  const escaped = JSON.stringify(query).slice(1, -1);
  return events.filter(
    (event) =>
      (types.size === 0 || types.has(event.type)) &&
      (query === '' || searchable(event).includes(query) || searchable(event).includes(escaped)),
  );
}

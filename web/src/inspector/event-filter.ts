import type { EventType, ExecutionEvent } from '@cloutagent/client';

const texts = new WeakMap<ExecutionEvent, string>();

function searchable(event: ExecutionEvent): string {
  let text = texts.get(event);
  if (text === undefined) {
    text = JSON.stringify(event).toLowerCase();
    texts.set(event, text);
  }
  return text;
}

/** Those of the types, if any are named, with the text somewhere in them. */
export function filterEvents(
  events: readonly ExecutionEvent[],
  types: ReadonlySet<EventType>,
  search: string,
): readonly ExecutionEvent[] {
  const wanted = search.trim().toLowerCase();
  if (types.size === 0 && wanted === '') return events;
  // One may look for JSON as it is, or for text that is in it with its quotes and line breaks escaped.
  const escaped = JSON.stringify(wanted).slice(1, -1);
  return events.filter(
    (event) =>
      (types.size === 0 || types.has(event.type)) &&
      (wanted === '' || searchable(event).includes(wanted) || searchable(event).includes(escaped)),
  );
}

import type { JournalHint } from './notification-transport.js';

/** PostgreSQL accepts payloads of less than 8,000 bytes; an entry has at most 54 with its space. */
const HINTS_PER_TEXT = 140;
/** `<execution id>:<sequence>`, with `!` if the events change the execution's status. */
const ENTRY = /^([0-9a-f-]{36}):(\d{1,15})(!?)$/;

/** Returns texts that contain all hints, with at most 140 entries each. */
export function encodeHints(hints: readonly JournalHint[]): string[] {
  const texts: string[] = [];
  for (let start = 0; start < hints.length; start += HINTS_PER_TEXT) {
    const entries = hints
      .slice(start, start + HINTS_PER_TEXT)
      .map(
        ({ executionId, sequence, statusChanged }) => `${executionId}:${sequence}${statusChanged ? '!' : ''}`,
      );
    texts.push(entries.join(' '));
  }
  return texts;
}

/** Returns the hints in a text. Leaves out what is not a hint. */
export function decodeHints(text: string): JournalHint[] {
  return text.split(' ').flatMap((entry) => {
    const [, executionId, sequence, mark] = ENTRY.exec(entry) ?? [];
    if (executionId === undefined) return [];
    return [{ executionId, sequence: Number(sequence), statusChanged: mark === '!' }];
  });
}

import type { EventDraft } from '@cloutagent/contract';
import type { RecordedEvent } from './recorded-event.js';

/**
 * Characters that JSON does not escape and that end a line for `str.splitlines` of Python. Clients such as `iter_lines` of
 * requests and httpx use it, although only CR and LF end a line of an event stream (HTML Standard, section 9.2.6).
 */
const LINE_ENDS = /[\u0085\u2028\u2029]/g;

/**
 * Encodes a draft as the event with this sequence. All line breaks are escaped, so the data is one line of a frame for every
 * client.
 */
export function encodeEvent(executionId: string, sequence: number, draft: EventDraft): RecordedEvent {
  const timestamp = new Date().toISOString();
  // A module's node may emit further fields. These would corrupt the frame, which adds `type` and `sequence` itself.
  const data = {
    executionId,
    timestamp,
    ...draft.fields,
    type: undefined,
    sequence: undefined,
    toJSON: undefined,
  };
  data.executionId = executionId;
  data.timestamp = timestamp;
  return { sequence, type: draft.type, data: escapeLineEnds(JSON.stringify(data)) };
}

/** Escapes all characters of a JSON text that end a line for some clients. */
export const escapeLineEnds = (json: string): string => json.replace(LINE_ENDS, escaped);

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

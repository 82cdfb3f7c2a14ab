import type { EventDraft } from '@cloutagent/contract';
import type { RecordedEvent } from './recorded-event.js';

/**
 * Encodes a draft as the event with this sequence. JSON escapes line breaks, so the data is one line of a frame.
 * U+2028 and U+2029 need no escape: an event stream does not treat them as line breaks (HTML Standard, section 9.2.6).
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
  return { sequence, type: draft.type, data: JSON.stringify(data) };
}

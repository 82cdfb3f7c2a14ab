import type { EventType } from '@cloutagent/contract';

/** A row of the journal. `data` is the `data` line of the event's frame, sent unchanged. */
export interface RecordedEvent {
  readonly sequence: number;
  readonly type: EventType;
  readonly data: string;
}

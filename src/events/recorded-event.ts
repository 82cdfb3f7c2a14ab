import type { EventType } from '@cloutagent/contract';

/** A row of the journal. `data` is a JSON object of one line, to whose fields its frame adds `type` and `sequence`. */
export interface RecordedEvent {
  readonly sequence: number;
  readonly type: EventType;
  readonly data: string;
}

import type { EventType } from '@cloutagent/contract';

/** A row of the journal: `data` is the frame's data line, exactly as it goes out. */
export interface RecordedEvent {
  readonly sequence: number;
  readonly type: EventType;
  readonly data: string;
}

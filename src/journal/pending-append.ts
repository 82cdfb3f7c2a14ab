import type { RecordedEvent } from '../events/recorded-event.js';
import type { RowChange } from './row-change.js';

/** An execution under the claim of one owner. */
export interface Claim {
  readonly executionId: string;
  /** Fencing token: the attempt that the claim gave. */
  readonly attempt: number;
  /** Called when an append is committed, before its events are published. */
  readonly onCommitted?: (append: Pick<PendingAppend, 'events' | 'change'>) => void;
}

/** An append that the journal has accepted and whose outcome is not known yet. */
export interface PendingAppend {
  readonly claim: Claim;
  readonly executionId: string;
  readonly attempt: number;
  events: RecordedEvent[];
  change: RowChange | undefined;
  /** Whether it was sent and got no answer, so that it may be committed. */
  uncertain: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

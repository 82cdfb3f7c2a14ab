import type { FrameBatch } from '../frames/frame-batch.js';
import type { TypeFilter } from '../frames/type-filter.js';

/** A stream, as the channel of an execution knows it. */
export interface Watcher {
  readonly filter: TypeFilter;
  /** Returns whether the watcher has sent everything up to this position and nothing after it. */
  isAt(position: number): boolean;
  /**
   * Takes a batch that begins at the watcher's position.
   * @returns whether the watcher takes the next batch too; if not, it fetches that itself
   */
  deliver(batch: FrameBatch, now: number): boolean;
  /** Notifies a watcher at another position that the channel has advanced. */
  wake(): void;
  /** Ends the stream with a hint to reconnect, because the journal has lost events that the watcher may have sent. */
  endWithRetry(): void;
  /** Ends the stream, or takes the execution off it, because the execution was deleted. */
  onDeleted(): void;
}

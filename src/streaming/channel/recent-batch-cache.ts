import { ByteLimitedCache } from '../../common/byte-limited-cache.js';
import { joinRanges, type FrameBatch } from '../frames/frame-batch.js';
import type { TypeFilter } from '../frames/type-filter.js';
import type { RecentEvents } from './recent-events.js';

/**
 * Batches of recent events, by position and filter. Under overload every stream falls behind. Joining per stream would then
 * cost CPU and garbage proportional to the bytes written, so the joined buffer is cached and shared.
 */
export class RecentBatchCache {
  private readonly batches: ByteLimitedCache<string, FrameBatch>;

  constructor(
    private readonly recentEvents: RecentEvents,
    maxBytes: number,
  ) {
    this.batches = new ByteLimitedCache(maxBytes, bytesOf);
  }

  /** Returns the next events after a position; undefined if they are not in memory. */
  after(position: number, filter: TypeFilter): FrameBatch | undefined {
    const range = this.recentEvents.after(position);
    if (!range) return undefined;
    const key = `${position} ${range.last} ${filter.key}`;
    const known = this.batches.peek(key);
    if (known) return known;
    const batch = joinRanges([range], position, filter, Infinity)[0]!;
    // A whole block is not copied, so it needs no cache.
    if (batch.chunk !== range.block.whole) this.batches.set(key, batch);
    return batch;
  }

  clear(): void {
    this.batches.clear();
  }
}

const bytesOf = ({ chunk }: FrameBatch): number => chunk?.bytes ?? 0;

import { joinRanges, type FrameBatch } from '../frames/frame-batch.js';
import type { RecentEvents } from './recent-events.js';
import type { TypeFilter } from '../frames/type-filter.js';

/**
 * The blocks of a ring as filters show them, joined once for all streams that are behind. When a machine is too busy, that is
 * everybody: each joining for itself would make it busier, and let go of as much memory as it writes.
 */
export class RecentBatchCache {
  private readonly parts = new Map<string, FrameBatch>();
  private bytes = 0;

  constructor(
    private readonly ring: RecentEvents,
    private readonly maxBytes: number,
  ) {}

  /** What comes after a position, if it is still at hand. */
  after(position: number, filter: TypeFilter): FrameBatch | undefined {
    const stretch = this.ring.after(position);
    if (!stretch) return undefined;
    const key = `${position} ${stretch.last} ${filter.key}`;
    const known = this.parts.get(key);
    if (known) return known;
    const part = joinRanges([stretch], position, filter, Infinity)[0]!;
    // That is no copy.
    if (part.chunk === stretch.block.whole) return part;
    this.parts.set(key, part);
    this.bytes += part.chunk?.bytes ?? 0;
    for (const [oldest, { chunk }] of this.parts) {
      if (this.bytes <= this.maxBytes) break;
      this.parts.delete(oldest);
      this.bytes -= chunk?.bytes ?? 0;
    }
    return part;
  }

  clear(): void {
    this.parts.clear();
    this.bytes = 0;
  }
}

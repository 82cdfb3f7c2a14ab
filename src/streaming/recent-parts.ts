import { join, type Part } from './part.js';
import type { Ring } from './ring.js';
import type { TypeFilter } from './type-filter.js';

/**
 * The blocks of a ring as filters show them, joined once for all streams that are behind. When a machine is too busy, that is
 * everybody: each joining for itself would make it busier, and let go of as much memory as it writes.
 */
export class RecentParts {
  private readonly parts = new Map<string, Part>();
  private bytes = 0;

  constructor(
    private readonly ring: Ring,
    private readonly maxBytes: number,
  ) {}

  /** What comes after a position, if it is still at hand. */
  after(position: number, filter: TypeFilter): Part | undefined {
    const stretch = this.ring.after(position);
    if (!stretch) return undefined;
    const key = `${position} ${stretch.last} ${filter.key}`;
    const known = this.parts.get(key);
    if (known) return known;
    const part = join([stretch], position, filter, Infinity)[0]!;
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

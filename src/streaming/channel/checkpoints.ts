import type { FrameEncoder } from '../frames/frame-encoder.js';

const MAX_CHECKPOINTS = 32;
/** The newest ones added are always kept: streams that catch up read one page after another. */
const KEPT = 8;

/** An encoder that is ready for the event after a position. */
export interface Checkpoint {
  readonly position: number;
  readonly encoder: FrameEncoder;
}

/**
 * Encoders at some positions of an execution, so that a format can begin in the middle of a journal. There are a bounded number
 * of them, about evenly spread. Between two of them, events are encoded again.
 */
export class Checkpoints {
  /** In the order of their positions. */
  private readonly spread: Checkpoint[];
  private recent: Checkpoint[] = [];

  /** @param first for the first event */
  constructor(first: FrameEncoder) {
    this.spread = [{ position: 0, encoder: first }];
  }

  /** Adds an encoder. From now on the caller must not use it. */
  add(position: number, encoder: FrameEncoder): void {
    const checkpoint = { position, encoder };
    this.recent = [checkpoint, ...this.recent.filter((known) => known.position !== position)].slice(0, KEPT);
    const index = this.spread.findLastIndex((known) => known.position <= position);
    if (this.spread[index]!.position === position) return;
    this.spread.splice(index + 1, 0, checkpoint);
    if (this.spread.length > MAX_CHECKPOINTS) this.spread.splice(this.leastUseful(), 1);
  }

  /** Returns the index of the one whose neighbours are nearest to each other. */
  private leastUseful(): number {
    let best = 1;
    let smallest = Infinity;
    for (let at = 1; at < this.spread.length - 1; at += 1) {
      const gap = this.spread[at + 1]!.position - this.spread[at - 1]!.position;
      if (gap >= smallest) continue;
      [best, smallest] = [at, gap];
    }
    return best;
  }

  /** Returns the last one at or before a position. Its encoder must be forked before it is used. */
  before(position: number): Checkpoint {
    const isBefore = (known: Checkpoint) => known.position <= position;
    const best = this.spread.findLast(isBefore)!;
    return this.recent
      .filter(isBefore)
      .reduce((one, other) => (other.position > one.position ? other : one), best);
  }
}

import { ALONE_BYTES, type BlockRange } from './frame-block.js';
import { HttpChunk } from './http-chunk.js';
import type { TypeFilter } from './type-filter.js';

/** Consecutive events as one filter shows them, for one write. It brings a stream from `from` to `to`. */
export interface FrameBatch {
  readonly from: number;
  readonly to: number;
  /** Undefined when the filter shows none of the events. */
  readonly chunk: HttpChunk | undefined;
  /** Events shown. */
  readonly count: number;
}

/**
 * Joins events for a filter, in parts of at most `mostBytes` if no stretch has more; a large event is a part of its own. What is
 * a whole block is not copied.
 * @param from the position before the first event
 */
export function joinRanges(
  stretches: readonly BlockRange[],
  from: number,
  filter: TypeFilter,
  mostBytes: number,
): FrameBatch[] {
  const parts: FrameBatch[] = [];
  let pieces: Buffer[] = [];
  let [bytes, count, start, position] = [0, 0, from, from];
  let whole: HttpChunk | undefined;
  const cut = (): void => {
    const chunk = whole ?? (count > 0 ? HttpChunk.join(pieces, bytes) : undefined);
    parts.push({ from: start, to: position, chunk, count });
    [pieces, bytes, count, start, whole] = [[], 0, 0, position, undefined];
  };
  for (const stretch of stretches) {
    const shown = stretch.shown(filter);
    const isLarge = shown.whole !== undefined && shown.bytes >= ALONE_BYTES;
    if (count > 0 && (isLarge || (bytes >= ALONE_BYTES && whole) || bytes + shown.bytes > mostBytes)) cut();
    whole = count === 0 ? shown.whole : undefined;
    pieces.push(...shown.pieces);
    bytes += shown.bytes;
    count += shown.count;
    position = stretch.last;
  }
  cut();
  return parts;
}

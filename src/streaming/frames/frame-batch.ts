import type { BlockRange } from './block-range.js';
import { LARGE_EVENT_BYTES } from './frame-block.js';
import { HttpChunk } from './http-chunk.js';
import type { TypeFilter } from './type-filter.js';

/** The events that one write sends to a stream, as the stream's filter admits them. It takes the stream from `from` to `to`. */
export interface FrameBatch {
  readonly from: number;
  readonly to: number;
  /** Undefined when the filter admits none of the events. */
  readonly chunk: HttpChunk | undefined;
  /** Events that the filter admits. */
  readonly count: number;
}

/**
 * Joins the events that a filter admits into batches of at most `maxBytes`, unless a single range has more. A large event
 * is a batch of its own. A whole block is not copied.
 * @param from the position before the first event
 */
export function joinRanges(
  ranges: readonly BlockRange[],
  from: number,
  filter: TypeFilter,
  maxBytes: number,
): FrameBatch[] {
  const batches: FrameBatch[] = [];
  let buffers: Buffer[] = [];
  let [bytes, count, start, position] = [0, 0, from, from];
  let whole: HttpChunk | undefined;
  const cut = (): void => {
    const chunk = whole ?? (count > 0 ? HttpChunk.join(buffers, bytes) : undefined);
    batches.push({ from: start, to: position, chunk, count });
    [buffers, bytes, count, start, whole] = [[], 0, 0, position, undefined];
  };
  for (const unfiltered of ranges) {
    const range = unfiltered.filtered(filter);
    const wholeBlock = range.whole;
    const isLarge = wholeBlock !== undefined && range.bytes >= LARGE_EVENT_BYTES;
    if (count > 0 && (isLarge || (whole && bytes >= LARGE_EVENT_BYTES) || bytes + range.bytes > maxBytes))
      cut();
    whole = count === 0 ? wholeBlock : undefined;
    buffers.push(...range.buffers);
    bytes += range.bytes;
    count += range.count;
    position = range.last;
  }
  cut();
  return batches;
}

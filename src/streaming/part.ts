import { Chunk } from './chunk.js';
import type { EncodedEvent } from './sse-frame.js';
import type { TypeFilter } from './type-filter.js';

const NONE: readonly number[] = [];
/** An event of so many bytes is written by itself: a copy of it would cost more than a write. */
const ALONE_BYTES = 8_192;

/** Consecutive events as one filter shows them, joined for one write. It brings a stream from `from` to `to`. */
export class Part {
  constructor(
    readonly from: number,
    readonly to: number,
    /** Undefined when the filter shows none of the events. */
    readonly chunk: Chunk | undefined,
    /** Events shown. */
    readonly count: number,
    private readonly sequences: readonly number[],
    /** Where each of them ends in the chunk; of a single one it is not asked. */
    private readonly ends: readonly number[],
  ) {}

  /** The rest of it, for a stream that stands in its middle. */
  after(position: number): Part {
    if (position <= this.from || !this.chunk) return this;
    const left = this.sequences.findIndex((sequence) => sequence > position);
    if (left === -1) return new Part(position, this.to, undefined, 0, NONE, NONE);
    const body = this.chunk.body.subarray(left === 0 ? 0 : this.ends[left - 1]);
    return new Part(position, this.to, Chunk.join([body], body.length), this.count - left, NONE, NONE);
  }
}

/**
 * Joins events for a filter, in parts of at most `mostBytes`; a large event is a part of its own.
 * @param from the position before the first event
 */
export function join(
  events: readonly EncodedEvent[],
  from: number,
  filter: TypeFilter,
  mostBytes: number,
): Part[] {
  const parts: Part[] = [];
  let shown: EncodedEvent[] = [];
  let bytes = 0;
  let start = from;
  let position = from;
  for (const event of events) {
    if (filter.admits(event.type)) {
      const size = event.chunk.bytes;
      const isAlone = size >= ALONE_BYTES || (shown.length === 1 && bytes >= ALONE_BYTES);
      if (bytes > 0 && (isAlone || bytes + size > mostBytes)) {
        parts.push(partOf(shown, bytes, start, position));
        [shown, bytes, start] = [[], 0, position];
      }
      shown.push(event);
      bytes += size;
    }
    position = event.sequence;
  }
  parts.push(partOf(shown, bytes, start, position));
  return parts;
}

function partOf(shown: readonly EncodedEvent[], bytes: number, from: number, to: number): Part {
  const [first] = shown;
  if (!first) return new Part(from, to, undefined, 0, NONE, NONE);
  if (shown.length === 1) return new Part(from, to, first.chunk, 1, [first.sequence], NONE);
  let end = 0;
  const bodies = shown.map(({ chunk }) => chunk.body);
  const ends = bodies.map((body) => (end += body.length));
  return new Part(
    from,
    to,
    Chunk.join(bodies, bytes),
    shown.length,
    shown.map(({ sequence }) => sequence),
    ends,
  );
}

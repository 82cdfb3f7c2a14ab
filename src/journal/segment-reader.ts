import { crc32 } from 'node:zlib';
import { ByteLimitedCache } from '../common/byte-limited-cache.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { decodeSegment } from './segment.js';
import { dataOf } from './stored-event.js';

/** Bytes of decoded events that stay in memory, so that small pages do not decode their segment again. */
const CACHE_BYTES = 8_388_608;
/** Approximate memory of an event apart from its data. */
const EVENT_BYTES = 64;

/** Events as the database returns them: a row of `events`, or a segment whose first event has this sequence. */
export type StoredEvents = (RecordedEvent & { packed: null }) | { sequence: number; packed: Buffer };

/** Decodes segments, and keeps those that were used last. */
export class SegmentReader {
  private readonly cache = new ByteLimitedCache<string, readonly RecordedEvent[]>(CACHE_BYTES, bytesOf);

  /** @param first sequence of the segment's first event @throws DamagedSegmentError */
  async decode(executionId: string, first: number, segment: Buffer): Promise<readonly RecordedEvent[]> {
    // The events of a place in a journal never change, but another release may cut segments at other places.
    const key = `${executionId}:${first}:${crc32(segment)}`;
    const known = this.cache.get(key);
    if (known) return known;
    const events = await decodeSegment(executionId, first, segment);
    this.cache.set(key, events);
    return events;
  }

  /** Returns the events of rows and segments, in order. @throws DamagedSegmentError */
  async events(executionId: string, stored: readonly StoredEvents[]): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (const one of stored)
      if (one.packed === null)
        events.push({ sequence: one.sequence, type: one.type, data: dataOf(executionId, one.data) });
      else for (const event of await this.decode(executionId, one.sequence, one.packed)) events.push(event);
    // SQL does not guarantee the order of UNION ALL. Sorting a sorted list takes one pass.
    return events.toSorted((one, other) => one.sequence - other.sequence);
  }
}

const bytesOf = (events: readonly RecordedEvent[]): number =>
  events.reduce((sum, { data }) => sum + data.length + EVENT_BYTES, 0);

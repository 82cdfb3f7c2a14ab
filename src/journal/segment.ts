import type { EventType } from '@cloutagent/contract';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { RecordedEvent } from '../events/recorded-event.js';
import { dataPrefix, TIMESTAMP_LENGTH } from './event-data.js';

/** Version of the layout: the first byte of a segment. A released layout is read for ever. */
const LAYOUT = 1;
/** PostgreSQL stores no text with this character, so it separates texts of any content. */
const SEPARATOR = '\0';
/** Level 12 saves another 1 % and takes five times the CPU. */
const LEVEL = 9;

const compress = promisify<Buffer, object, Buffer>(zstdCompress);
const decompress = promisify<Uint8Array, Buffer>(zstdDecompress);

/** A stored segment cannot be decoded. The message says which one, and what to do. */
export class DamagedSegmentError extends Error {
  override readonly name = 'DamagedSegmentError';

  constructor(executionId: string, first: number, cause: unknown) {
    super(
      `the stored events of execution ${executionId} from ${first} are damaged: restore the row of cloutagent.segments from a backup`,
      { cause },
    );
  }
}

/**
 * Compresses consecutive events. Before the compression, what the events share is taken apart: the text is the names of the
 * types, the index of each event's type, the ms between the events, and then the rest of each event's data.
 * @param events must follow each other without a gap
 */
export async function encodeSegment(executionId: string, events: readonly RecordedEvent[]): Promise<Buffer> {
  const types = [...new Set(events.map(({ type }) => type))];
  const prefix = dataPrefix(executionId);
  let previous = 0;
  const gaps: string[] = [];
  const rests = events.map(({ data }) => {
    const time = timeOf(data, prefix);
    gaps.push(time === undefined ? '' : String(time - previous));
    if (time === undefined) return data;
    previous = time;
    return data.slice(prefix.length + TIMESTAMP_LENGTH);
  });
  const text = [
    types.join(' '),
    events.map(({ type }) => types.indexOf(type)).join(' '),
    gaps.join(' '),
    ...rests,
  ].join(SEPARATOR);
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = constants;
  const params = { [ZSTD_c_compressionLevel]: LEVEL, [ZSTD_c_checksumFlag]: 1 };
  return Buffer.concat([Buffer.of(LAYOUT), await compress(Buffer.from(text), { params })]);
}

/**
 * Decodes a segment to the same events.
 * @param first sequence of its first event
 * @throws DamagedSegmentError
 */
export async function decodeSegment(
  executionId: string,
  first: number,
  segment: Uint8Array,
): Promise<RecordedEvent[]> {
  try {
    if (segment[0] !== LAYOUT) throw new Error(`this release does not know the layout ${segment[0]}`);
    const text = (await decompress(segment.subarray(1))).toString();
    const [types = '', indexes = '', gaps = '', ...rests] = text.split(SEPARATOR);
    return decodeEvents(executionId, first, types.split(' '), indexes.split(' '), gaps.split(' '), rests);
  } catch (error) {
    throw new DamagedSegmentError(executionId, first, error);
  }
}

function decodeEvents(
  executionId: string,
  first: number,
  types: readonly string[],
  indexes: readonly string[],
  gaps: readonly string[],
  rests: readonly string[],
): RecordedEvent[] {
  if (indexes.length !== rests.length || gaps.length !== rests.length)
    throw new Error(`it has ${rests.length} events, ${indexes.length} types and ${gaps.length} times`);
  const prefix = dataPrefix(executionId);
  let time = 0;
  return rests.map((rest, index) => {
    const type = types[Number(indexes[index])] as EventType | undefined;
    if (type === undefined) throw new Error(`event ${first + index} has no type`);
    const gap = gaps[index]!;
    if (gap === '') return { sequence: first + index, type, data: rest };
    time += Number(gap);
    return { sequence: first + index, type, data: `${prefix}${new Date(time).toISOString()}${rest}` };
  });
}

/** @returns ms since 1970; undefined unless the time can be written back as the same text */
function timeOf(data: string, prefix: string): number | undefined {
  if (!data.startsWith(prefix)) return undefined;
  const text = data.slice(prefix.length, prefix.length + TIMESTAMP_LENGTH);
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text ? time : undefined;
}

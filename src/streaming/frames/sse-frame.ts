import {
  type ConnectionEstablished,
  EVENT_TYPES,
  type ExecutionsConnectionEstablished,
} from '@cloutagent/contract';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from './http-chunk.js';

const startOf = (type: string): string => `event: ${type}\ndata: {"type":${JSON.stringify(type)},"sequence":`;
/** The start of each type's frames, up to the sequence. */
const STARTS: ReadonlyMap<string, string> = new Map(EVENT_TYPES.map((type) => [type, startOf(type)]));

/**
 * Encodes an event as a frame. Its `data` line starts with `type` and `sequence`, which the journal does not store in
 * `data`, so that readers of `data` alone can distinguish events. The id comes last: many clients store the id as soon as
 * they read its line, and would count an event as received although its frame was cut off after that line.
 */
export const frameOf = ({ sequence, type, data }: RecordedEvent): string =>
  // A newer version of the server may have recorded a type that this version does not know.
  `${STARTS.get(type) ?? startOf(type)}${sequence}${membersOf(data)}\nid: ${sequence}\n\n`;

/** Members of this name, at any depth: inside a string, the quotes are escaped. */
const OWN_MEMBERS = ['"type":', '"sequence":'];

/**
 * The rest of a frame's data after `type` and `sequence`. An older version stored all that a module emitted, also other values
 * of these two, and a reader would take the last ones.
 */
function membersOf(data: string): string {
  if (!OWN_MEMBERS.some((member) => data.includes(member))) return data === '{}' ? '}' : `,${data.slice(1)}`;
  const stored = JSON.parse(data) as object;
  if (!Object.hasOwn(stored, 'type') && !Object.hasOwn(stored, 'sequence')) return `,${data.slice(1)}`;
  return membersOf(JSON.stringify({ ...stored, type: undefined, sequence: undefined }));
}

/** A frame's sequence, and its byte offsets in a buffer. Streams of many executions replace its id. */
export interface FrameOffsets {
  readonly sequence: number;
  readonly start: number;
  /** Start and end of the event type. */
  readonly type: number;
  readonly typeEnd: number;
  /** Start of the id, after the name of its line. */
  readonly id: number;
  readonly end: number;
}

const LINE_END = 0x0a;
const ZERO = 0x30;
const EVENT = 'event: '.length;
const ID = 'id: '.length;

/** Finds the frames in a buffer that consists of frames as `frameOf` encodes them. */
export function* framesOf(body: Buffer): Generator<FrameOffsets> {
  for (let start = 0; start < body.length;) {
    const type = start + EVENT;
    const typeEnd = body.indexOf(LINE_END, type);
    const id = body.indexOf(LINE_END, typeEnd + 1) + 1 + ID;
    let sequence = 0;
    let idEnd = id;
    for (; body[idEnd] !== LINE_END; idEnd += 1) sequence = sequence * 10 + body[idEnd]! - ZERO;
    const end = idEnd + 2;
    yield { sequence, start, type, typeEnd, id, end };
    start = end;
  }
}

const FRAME_END = Buffer.from('\n\n');
const SPACE = 0x20;
const DOT = 0x2e;

/**
 * Finds the ends of events in a buffer of frames, as `frameOf` or a format encodes them. An event in a format may have several
 * frames. All but the last one have an id with a part, such as `12.1`.
 */
export function* eventsOf(body: Buffer): Generator<{ readonly sequence: number; readonly end: number }> {
  for (let start = 0; start < body.length;) {
    const end = body.indexOf(FRAME_END, start) + FRAME_END.length;
    start = end;
    let sequence = 0;
    let unit = 1;
    for (let at = end - FRAME_END.length - 1; body[at] !== SPACE; at -= 1) {
      if (body[at] === DOT) {
        unit = 0;
        break;
      }
      sequence += (body[at]! - ZERO) * unit;
      unit *= 10;
    }
    if (unit > 0) yield { sequence, end };
  }
}

/**
 * Encodes the first frame. The retry time has jitter, so that many clients do not return at once. On a stream of one
 * execution the frame has no id: the client keeps its `Last-Event-ID`, and a client without one begins again where it
 * began. A stream of many executions begins at another position each time, so its cursor is the id: an EventSource
 * misses nothing if the connection breaks before the first event.
 */
export const encodeEstablished = (
  fields: Omit<ConnectionEstablished, 'type'> | Omit<ExecutionsConnectionEstablished, 'type'>,
  retryMs: number,
): HttpChunk => {
  const type: ConnectionEstablished['type'] = 'connection:established';
  const id = 'cursor' in fields ? `id: ${fields.cursor}\n` : '';
  const data = JSON.stringify({ type, ...fields });
  return HttpChunk.of(`retry: ${withJitter(retryMs)}\nevent: ${type}\ndata: ${data}\n${id}\n`);
};

/**
 * Encodes the beginning of a stream in a format: when to reconnect.
 * @param frames the frames that only this stream sends: those with which it begins, or the rest of an event that the client
 *   has in part
 */
export const encodeFormatStart = (frames: string, retryMs: number): HttpChunk =>
  HttpChunk.of(`retry: ${withJitter(retryMs)}\n\n${frames}`);

/** Encodes when the client should reconnect. A client dispatches no event for this frame. */
export const encodeRetry = (retryMs: number): HttpChunk => HttpChunk.of(`retry: ${withJitter(retryMs)}\n\n`);

/** A heartbeat. */
export const PING = HttpChunk.of(': ping\n\n');
/** A heartbeat that belongs to the next frame, because no blank line follows. */
export const PING_BEFORE_FRAME = HttpChunk.of(': ping\n');

/** Encodes the first bytes of a stream that sends only frames. */
export const encodeBareStart = (rest: string): HttpChunk => HttpChunk.of(`: ping\n${rest}`);

const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random()));

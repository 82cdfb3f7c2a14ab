import type { ConnectionEstablished, ExecutionsConnectionEstablished } from '@cloutagent/contract';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from './http-chunk.js';

/**
 * Encodes an event as a frame. `data` is JSON without line breaks. The id comes last: many clients store the id as soon as
 * they read its line, and would count an event as received although its frame was cut off after that line.
 */
export const frameOf = ({ sequence, type, data }: RecordedEvent): string =>
  `event: ${type}\ndata: ${data}\nid: ${sequence}\n\n`;

/** Byte offsets of a frame in a buffer, where streams of many executions insert other text. */
export interface FrameOffsets {
  readonly sequence: number;
  readonly start: number;
  /** Start and end of the event type. */
  readonly type: number;
  readonly typeEnd: number;
  /** Start of the first field of the data. */
  readonly fields: number;
  /** Start and end of the sequence in the id line. */
  readonly id: number;
  readonly idEnd: number;
  readonly end: number;
}

const LINE_END = 0x0a;
const ZERO = 0x30;
const EVENT = 'event: '.length;
const DATA = 'data: {'.length;
const ID = 'id: '.length;

/** Finds the frames in a buffer that consists of frames as `frameOf` encodes them, with objects as data. */
export function* framesOf(body: Buffer): Generator<FrameOffsets> {
  for (let start = 0; start < body.length;) {
    const type = start + EVENT;
    const typeEnd = body.indexOf(LINE_END, type);
    const fields = typeEnd + 1 + DATA;
    const id = body.indexOf(LINE_END, fields) + 1 + ID;
    let sequence = 0;
    let idEnd = id;
    for (; body[idEnd] !== LINE_END; idEnd += 1) sequence = sequence * 10 + body[idEnd]! - ZERO;
    const end = idEnd + 2;
    yield { sequence, start, type, typeEnd, fields, id, idEnd, end };
    start = end;
  }
}

/**
 * Encodes the first frame. The retry time has jitter, so that many clients do not return at once. On a stream of one
 * execution the frame has no id: the client keeps its `Last-Event-ID`, and a client without one begins again where it
 * began. A stream of many executions begins at another position each time, so its cursor is the id: an EventSource
 * misses nothing if the connection breaks before the first event.
 */
export const encodeEstablished = (
  fields: ConnectionEstablished | ExecutionsConnectionEstablished,
  retryMs: number,
): HttpChunk =>
  HttpChunk.of(
    `retry: ${withJitter(retryMs)}\nevent: connection:established\ndata: ${JSON.stringify(fields)}\n${
      'cursor' in fields ? `id: ${fields.cursor}\n` : ''
    }\n`,
  );

/** Encodes when the client should reconnect. A client dispatches no event for this frame. */
export const encodeRetry = (retryMs: number): HttpChunk => HttpChunk.of(`retry: ${withJitter(retryMs)}\n\n`);

/** A heartbeat. */
export const PING = HttpChunk.of(': ping\n\n');

const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random()));

import type { ConnectionEstablished, ExecutionsConnectionEstablished } from '@cloutagent/contract';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from './http-chunk.js';

/**
 * An event as a frame. `data` is JSON and holds no line break. The id comes last: many clients take it when they read its
 * line, and would count an event as theirs whose frame was cut off behind it.
 */
export const frameOf = ({ sequence, type, data }: RecordedEvent): string =>
  `event: ${type}\ndata: ${data}\nid: ${sequence}\n\n`;

/** A frame in a buffer, and where it is cut: a stream of many executions has other words there. */
export interface CutFrame {
  readonly sequence: number;
  readonly start: number;
  /** Where its type begins and ends. */
  readonly type: number;
  readonly typeEnd: number;
  /** Where the first field of its data begins. */
  readonly fields: number;
  /** Where its number begins and ends. */
  readonly id: number;
  readonly idEnd: number;
  readonly end: number;
}

const LINE_END = 0x0a;
const ZERO = 0x30;
const EVENT = 'event: '.length;
const DATA = 'data: {'.length;
const ID = 'id: '.length;

/** Frames as `frameOf` gives them, which lie one behind the other; their data is an object. */
export function* framesOf(body: Buffer): Generator<CutFrame> {
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
 * The first frame. `retryMs` comes with jitter, so that a fleet does not return at once. On a stream of one execution it has no
 * id: `Last-Event-ID` stays where it is, and a client without one begins where it began. A stream of many executions begins
 * elsewhere each time, so its cursor is the id: an EventSource misses nothing if it breaks before the first event.
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

/** Tells when to come back; no event is dispatched for it. */
export const encodeRetry = (retryMs: number): HttpChunk => HttpChunk.of(`retry: ${withJitter(retryMs)}\n\n`);

export const PING = HttpChunk.of(': ping\n\n');

const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random()));

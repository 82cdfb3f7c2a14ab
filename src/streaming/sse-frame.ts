import type { ConnectionEstablished, EventType, ExecutionsConnectionEstablished } from '@cloutagent/contract';
import type { RecordedEvent } from '../events/recorded-event.js';
import { Chunk } from './chunk.js';

/** An event, encoded once for all streams of this process. */
export interface EncodedEvent {
  readonly sequence: number;
  readonly type: EventType;
  readonly chunk: Chunk;
}

/** `data` is JSON and holds no line break. */
export const encodeEvent = ({ sequence, type, data }: RecordedEvent): EncodedEvent => ({
  sequence,
  type,
  chunk: Chunk.of(`id: ${sequence}\nevent: ${type}\ndata: ${data}\n\n`),
});

/** The first frame: no id, so `Last-Event-ID` stays where it is. `retryMs` comes with jitter, so that a fleet does not return at once. */
export const encodeEstablished = (
  fields: ConnectionEstablished | ExecutionsConnectionEstablished,
  retryMs: number,
): Chunk =>
  Chunk.of(
    `retry: ${withJitter(retryMs)}\nevent: connection:established\ndata: ${JSON.stringify(fields)}\n\n`,
  );

/** Tells when to come back; no event is dispatched for it. */
export const encodeRetry = (retryMs: number): Chunk => Chunk.of(`retry: ${withJitter(retryMs)}\n\n`);

export const PING = Chunk.of(': ping\n\n');

const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random()));

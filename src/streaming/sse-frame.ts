import type { ConnectionEstablished } from '@cloutagent/contract';
import type { RecordedEvent } from '../events/recorded-event.js';

/** The frame of a recorded event. `data` is JSON and holds no line break. */
export const encodeEvent = (event: RecordedEvent): Buffer =>
  Buffer.from(`id: ${event.sequence}\nevent: ${event.type}\ndata: ${event.data}\n\n`);

/** The first frame: no id, so `Last-Event-ID` stays where it is. `retryMs` comes with jitter, so that a fleet does not return at once. */
export const encodeEstablished = (fields: ConnectionEstablished, retryMs: number): Buffer =>
  Buffer.from(
    `retry: ${withJitter(retryMs)}\nevent: connection:established\ndata: ${JSON.stringify(fields)}\n\n`,
  );

/** Tells when to come back; no event is dispatched for it. */
export const encodeRetry = (retryMs: number): Buffer => Buffer.from(`retry: ${withJitter(retryMs)}\n\n`);

export const PING = Buffer.from(': ping\n\n');

const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random()));

import type { RecordedEvent } from '../../events/recorded-event.js';
import { frameOf } from './sse-frame.js';

/** Encodes the events of one execution, in order, for all streams that watch it in the same format. */
export interface FrameEncoder {
  /** Returns the frames of the next event as text; empty if it has none in this format. */
  encode(event: RecordedEvent): string;
  /** Returns an encoder for the same next event. Encoding with one does not change the other. */
  fork(): FrameEncoder;
  /** Whether the client has to act before more frames come. */
  readonly isIdle: boolean;
}

/** A format could not encode an event. */
export class FormatError extends Error {
  /** @param cause the format's error */
  constructor(format: string, sequence: number, cause: unknown) {
    super(`the format ${format} could not encode event ${sequence}: ${String(cause)}`, { cause });
  }
}

/** Encodes events in the format of this server. It needs no state. */
export const OWN_FORMAT: FrameEncoder = {
  encode: frameOf,
  fork: () => OWN_FORMAT,
  isIdle: false,
};

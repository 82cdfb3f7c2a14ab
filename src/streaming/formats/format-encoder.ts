import type { ExecutionEvent } from '@cloutagent/contract';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { FormatError, type FrameEncoder } from '../frames/frame-encoder.js';
import type { EventFormat, FormattedExecution, OutputFrame } from './event-format.js';
import { copyState } from './copy-state.js';

/** A format and the execution that it translates. */
export interface FormatSession {
  /** The name of the format. */
  readonly name: string;
  readonly format: EventFormat;
  readonly execution: FormattedExecution;
}

/** Translates the events of one execution, in order, and keeps the state of the format. */
export class FormatEncoder implements FrameEncoder {
  private constructor(
    private readonly session: FormatSession,
    readonly state: object,
  ) {}

  /** Makes an encoder for the first event of an execution. */
  static begin(session: FormatSession): FormatEncoder {
    return new FormatEncoder(session, session.format.begin(session.execution));
  }

  /** Returns the frames of the next event as text; empty if it has none. */
  encode(event: RecordedEvent): string {
    const frames = this.frames(event);
    try {
      return framesText(event.sequence, frames);
    } catch (error) {
      throw new FormatError(this.session.name, event.sequence, error);
    }
  }

  /**
   * Returns the frames of the next event.
   * @throws FormatError
   */
  frames({ sequence, type, data }: RecordedEvent): readonly OutputFrame[] {
    const event = { ...(JSON.parse(data) as object), type, sequence } as ExecutionEvent;
    try {
      return this.session.format.encode(event, this.state);
    } catch (error) {
      throw new FormatError(this.session.name, sequence, error);
    }
  }

  /** Returns an encoder for the same next event, with a state of its own. */
  fork(): FormatEncoder {
    return new FormatEncoder(this.session, copyState(this.state, this.session.name));
  }

  /** The frames with which a stream begins that is to send the next event first. */
  opening(): readonly OutputFrame[] {
    return this.session.format.opening?.(this.state) ?? [];
  }

  get isIdle(): boolean {
    return this.session.format.isIdle?.(this.state) ?? false;
  }
}

/**
 * Encodes the frames of an event. The id of the last one is the sequence. The ids of those before have a part, so that a client
 * which has received some of them continues after them.
 * @param after number of frames to leave out
 */
export function framesText(sequence: number, frames: readonly OutputFrame[], after = 0): string {
  let text = '';
  for (let index = after; index < frames.length; index += 1) {
    const id = index === frames.length - 1 ? sequence : `${sequence}.${index + 1}`;
    text += `${linesOf(frames[index]!)}id: ${id}\n\n`;
  }
  return text;
}

/** Encodes frames that belong to no event. They have no ids, so that a client which reconnects misses nothing. */
export const framesWithoutId = (frames: readonly OutputFrame[]): string =>
  frames.map((frame) => `${linesOf(frame)}\n`).join('');

function linesOf({ event, data }: OutputFrame): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  if (/[\r\n]/.test(text) || (event !== undefined && /[\r\n]/.test(event)))
    throw new Error('a frame must not contain a line break: give an object, or a text without one');
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n`;
}

import type { OutputFrame } from '../../streaming/formats/event-format.js';

/** How many frames an event can have. */
const FRAMES_PER_EVENT = 4_096;

/** A place between two frames: after frame number `part`, which counts from 1, of the event `sequence`. */
interface Place {
  readonly sequence: number;
  readonly part: number;
}

/** Returns the place that `starting_after` means: after the frame with this `sequence_number`. */
export function placeAfter(sequenceNumber: number): Place {
  const sequence = Math.floor(sequenceNumber / FRAMES_PER_EVENT);
  // The first event has sequence 1, so smaller numbers are before all frames.
  if (sequence === 0) return { sequence: 0, part: 0 };
  return { sequence, part: (sequenceNumber % FRAMES_PER_EVENT) + 1 };
}

/**
 * Collects the frames of one event. Their `sequence_number` is `sequence * 4096 + k` for frame k, so that it depends only on
 * the journal and rises from frame to frame.
 */
export class EventFrames {
  private readonly frames: OutputFrame[] = [];

  constructor(private readonly sequence: number) {}

  add(type: string, fields: object): void {
    // A workflow has far fewer open items than this. The last number is left to the end of the response.
    const isEnd = 'response' in fields;
    if (this.frames.length >= FRAMES_PER_EVENT - 1 && !isEnd) return;
    const number = this.sequence * FRAMES_PER_EVENT + this.frames.length;
    this.frames.push({ event: type, data: { type, sequence_number: number, ...fields } });
  }

  get all(): readonly OutputFrame[] {
    return this.frames;
  }
}

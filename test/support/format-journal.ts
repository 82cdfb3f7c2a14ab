import type { ExecutionEvent } from '@cloutagent/contract';
import type { RecordedEvent } from '../../src/events/recorded-event.ts';
import type { EventFormat, OutputFrame } from '../../src/streaming/formats/event-format.ts';
import { FormatEncoder } from '../../src/streaming/formats/format-encoder.ts';
import type { EndedJournal } from './random-journals.ts';

/** A frame, and its place: number `part`, from 1, of the frames of event `sequence`. */
export type PlacedFrame = OutputFrame & { readonly sequence: number; readonly part: number };

/** The event as the journal stores it. */
const recorded = ({ type, sequence, ...data }: ExecutionEvent): RecordedEvent => ({
  type,
  sequence,
  data: JSON.stringify(data),
});

/**
 * Translates a journal.
 * @param isCopied whether each event is encoded with a copy of the state, as it is for a stream that begins there
 */
export function framesOf(
  format: EventFormat,
  { execution, events }: EndedJournal,
  isCopied = false,
): PlacedFrame[] {
  let encoder = FormatEncoder.begin({ name: 'tested', format, execution });
  return events.flatMap((event) => {
    if (isCopied) encoder = encoder.fork();
    const frames = encoder.frames(recorded(event));
    return frames.map((frame, index) => ({ ...frame, sequence: event.sequence, part: index + 1 }));
  });
}

/** Checks that the frames depend on nothing but the events, and that the state can be copied between any two of them. */
export function checkPure(format: EventFormat, journal: EndedJournal): void {
  const frames = framesOf(format, journal);
  expect(framesOf(format, journal, true)).toEqual(frames);
}

import { ProblemError } from '../../problems/problem.error.js';
import { parseLastEventId } from './last-event-id.js';

/**
 * A place in the frames of an execution in a format: after frame number `part` of event `sequence`. Part 0 is the place
 * before its first frame.
 */
export interface FramePlace {
  readonly sequence: number;
  readonly part: number;
}

/** The place before the first frame. */
export const FIRST_PLACE: FramePlace = { sequence: 0, part: 0 };

/**
 * Parses a Last-Event-ID of a stream in a format: `12` after all frames of event 12, `12.1` after its first frame.
 * @throws ProblemError 400 `invalid_last_event_id`
 */
export function parseFramePlace(lastEventId: string | undefined): FramePlace {
  const match = /^(\d{1,10})\.([1-9]\d{0,5})$/.exec(lastEventId ?? '');
  if (match) return { sequence: parseLastEventId(match[1]), part: Number(match[2]) };
  if (lastEventId?.includes('.'))
    throw new ProblemError(
      'invalid_last_event_id',
      'Last-Event-ID must be the id of the last frame that you received. Leave it out to start at the beginning.',
    );
  const sequence = parseLastEventId(lastEventId);
  return sequence === 0 ? FIRST_PLACE : { sequence: sequence + 1, part: 0 };
}

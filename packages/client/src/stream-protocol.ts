import type {
  ConnectionEstablished,
  EventType,
  ExecutionEvent,
  ExecutionsConnectionEstablished,
} from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { CloutAgentError } from './error.js';
import type { Call } from './http.js';

/** First frame of every stream. Only a stream of one execution has `executionId`, `status` and `lastSequence`. */
export type Established = ConnectionEstablished | ExecutionsConnectionEstablished;

/** The request of one kind of stream, and how to read its frames. It keeps the position in the stream. */
export interface StreamProtocol {
  readonly path: string;
  readonly call: Call;
  /** Where to resume: the id of the last event that `accept` returned; undefined for the beginning. */
  readonly lastEventId: string | undefined;
  /**
   * Returns the event of a frame; undefined for a duplicate, and for a frame that is not a recorded event.
   * @throws CloutAgentError `sequence_gap` when events before it are missing, `invalid_event` when it cannot be parsed
   */
  accept(message: EventSourceMessage): ExecutionEvent | undefined;
  /** Takes the first frame of a connection. */
  begin(established: Established): void;
  /** Whether the stream ends with this event. */
  isLast(event: ExecutionEvent): boolean;
}

export const TERMINAL: readonly EventType[] = [
  'execution:completed',
  'execution:failed',
  'execution:cancelled',
] satisfies EventType[];

export const isTerminal = (event: ExecutionEvent): boolean => TERMINAL.includes(event.type);

/**
 * Parses the event in a frame's data.
 * @throws CloutAgentError `invalid_event` when it is no event, or not one of the type that the frame names
 */
export function parseEvent(message: EventSourceMessage): ExecutionEvent {
  const event = parseData(message) as Partial<ExecutionEvent>;
  const { type, sequence, executionId } = event;
  if (type === message.event && Number.isSafeInteger(sequence) && typeof executionId === 'string')
    return event as ExecutionEvent;
  throw new CloutAgentError(
    'invalid_event',
    `The data of event ${message.id} has no executionId, no sequence, or another type than ${message.event}.`,
  );
}

/** Parses the JSON object in a frame's data. @throws CloutAgentError `invalid_event` */
export function parseData(message: EventSourceMessage): Record<string, unknown> {
  try {
    const value = JSON.parse(message.data) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Falls through to the error below.
  }
  throw new CloutAgentError(
    'invalid_event',
    `The data of event ${message.id ?? 'without id'} is not a JSON object.`,
  );
}

/** Checks that no event is missing. @throws CloutAgentError `sequence_gap` */
export function checkGap(sequence: number, expected: number, executionId: string): void {
  if (sequence > expected) {
    throw new CloutAgentError(
      'sequence_gap',
      `Event ${expected} of ${executionId} is missing: the server sent event ${sequence}.`,
    );
  }
}

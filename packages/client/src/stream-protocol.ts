import type {
  ConnectionEstablished,
  EventType,
  ExecutionEvent,
  ExecutionsConnectionEstablished,
} from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { CloutAgentError } from './error.js';
import type { Query } from './http.js';

/** First frame of every stream. `executionId`, `status` and `lastSequence` are those of a stream of one execution. */
export type Established = ConnectionEstablished | ExecutionsConnectionEstablished;

/** What a stream is asked for, and how its frames are followed. It keeps the position. */
export interface Feed {
  readonly path: string;
  /** Asks for what comes behind the last event that `accept` returned. */
  readonly query: Query;
  readonly lastEventId: string | undefined;
  /**
   * The event of a frame; undefined for one that was here before.
   * @throws CloutAgentError `sequence_gap` when events are missing before it, `invalid_event` when it is none
   */
  accept(message: EventSourceMessage): ExecutionEvent | undefined;
  /** The stream has begun. */
  begin(established: Established): void;
  /** Whether nothing can come after this event. */
  isLast(event: ExecutionEvent): boolean;
}

const TERMINAL: readonly EventType[] = [
  'execution:completed',
  'execution:failed',
  'execution:cancelled',
] satisfies EventType[];

export const isTerminal = (event: ExecutionEvent): boolean => TERMINAL.includes(event.type);

/** @throws CloutAgentError `invalid_event` */
export function parseData(message: EventSourceMessage): Record<string, unknown> {
  try {
    const value = JSON.parse(message.data) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new CloutAgentError(
    'invalid_event',
    `The data of event ${message.id ?? 'without id'} is no JSON object.`,
  );
}

/** @throws CloutAgentError `sequence_gap` */
export function checkGap(sequence: number, expected: number, executionId: string): void {
  if (sequence > expected) {
    throw new CloutAgentError(
      'sequence_gap',
      `Event ${expected} of ${executionId} is missing: event ${sequence} came instead.`,
    );
  }
}

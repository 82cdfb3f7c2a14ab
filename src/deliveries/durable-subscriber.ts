import type { EventType, ExecutionEvent } from '@cloutagent/contract';

/** The circumstances of one attempt to hand an event over. */
interface DeliveryAttempt {
  /** 1 for the first attempt with this event. */
  readonly attempt: number;
  /** Aborts when the attempt must end. */
  readonly signal: AbortSignal;
}

/**
 * A receiver of recorded events that gets each one at least once, and those of an execution one at a time and in order,
 * also after crashes. This interface does not say how an event is handed over: a listener is called, a webhook is posted.
 */
export interface DurableSubscriber {
  /** Identifies it in the database, in all processes and after restarts, for example `listener:audit`. */
  readonly id: string;
  /** The types of the events that it wants. */
  readonly types: readonly EventType[];
  /**
   * Hands one event over.
   * @returns a promise that resolves when the receiver has the event; if it rejects, the event is delivered again
   */
  deliver(event: ExecutionEvent, attempt: DeliveryAttempt): Promise<void>;
}

/** The circumstances of one call of a durable listener: the second argument of the method. */
export interface Delivery {
  /** The listener's durable name. */
  readonly listener: string;
  /** 1 for the first call with this event, and one more for each call after a failure or a crash. */
  readonly attempt: number;
  /** Aborts when the call has taken DELIVERY_TIMEOUT_MS, when the process stops, or when another process has taken over. */
  readonly signal: AbortSignal;
}

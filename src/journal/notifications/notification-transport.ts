import type { Observable } from 'rxjs';

/** What carries hints between the processes. */
export type Carrier = 'nats' | 'postgresql';

/** A notification that an execution has events up to `sequence`. */
export interface JournalHint {
  executionId: string;
  sequence: number;
  /** Whether these events change the execution's status. */
  statusChanged: boolean;
}

/** The interest of this process in the hints of one execution. */
export interface HintWatch {
  /**
   * Resolves when hints of the execution arrive: those sent before may have been missed. Undefined if they have arrived all
   * the time. Never rejects.
   */
  readonly established: Promise<void> | undefined;
  /** Ends the interest. Called once. */
  release(): void;
}

/**
 * Carries hints about new events to the other processes. A hint may be lost or arrive twice, so whoever depends on hints also
 * polls the journal.
 */
export abstract class NotificationTransport {
  /** Emits hints of other processes: of each status change, and of each event of an execution that is watched here. */
  abstract readonly hints: Observable<JournalHint>;
  /** Emits when other processes have recorded any events. */
  abstract readonly activity: Observable<void>;
  /** Emits when hints may have been missed. A subscriber that depends on them then reads the journal. */
  abstract readonly missed: Observable<void>;
  /** What carries the hints of this process at the moment. */
  abstract readonly carrier: Carrier;
  /** Numbers of hints from other processes since the start, by what carried them. */
  abstract readonly receivedBy: Readonly<Partial<Record<Carrier, number>>>;

  /**
   * Sends hints to the other processes. Resolves when the server that carries them has them.
   * @throws the error if it could not be sent
   */
  abstract send(hints: readonly JournalHint[]): Promise<void>;

  /** Asks for the hints of an execution until the watch is released. */
  abstract watch(executionId: string): HintWatch;
}

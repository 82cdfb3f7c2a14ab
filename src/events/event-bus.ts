import { Injectable } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import {
  EVENT_TYPES,
  type EventType,
  type ExecutionEvent,
  type ExecutionEventOf,
} from '@cloutagent/contract';
import { Observable, Subject } from 'rxjs';
import { deepFreeze } from '../common/deep-freeze.js';
import type { RecordedEvent } from './recorded-event.js';

/** Consecutive events of one execution. */
export interface PublishedBatch {
  readonly executionId: string;
  readonly events: readonly RecordedEvent[];
}

/**
 * Carries events that the journal has committed, inside this process. The topics are execution ids, for streams, and
 * event types, for listeners. Listeners of a type get parsed events, which are frozen because all of them get the same
 * object. Without a listener nothing is parsed.
 */
@Injectable()
export class EventBus {
  /** Events published since the process started, by type. */
  readonly published = Object.fromEntries(EVENT_TYPES.map((type) => [type, 0])) as Record<EventType, number>;

  private readonly batchSubject = new Subject<PublishedBatch>();
  /** Emits the events of each commit of this process, of all executions. */
  readonly batches: Observable<PublishedBatch> = this.batchSubject;

  constructor(private readonly emitter: EventEmitter2) {}

  /** Publishes consecutive events of one execution. Only the journal calls this. */
  publish(executionId: string, events: readonly RecordedEvent[]): void {
    this.emitter.emit(executionId, events);
    this.batchSubject.next({ executionId, events });
    for (const event of events) {
      this.published[event.type] += 1;
      const topic = typeTopic(event.type);
      if (this.emitter.hasListeners(topic)) this.emitter.emit(topic, deepFreeze(parseEvent(event)));
    }
  }

  /** Emits batches of consecutive events of one execution, from the time of the subscription. */
  ofExecution(executionId: string): Observable<readonly RecordedEvent[]> {
    return new Observable((subscriber) => {
      const listener = (events: readonly RecordedEvent[]) => subscriber.next(events);
      this.emitter.on(executionId, listener);
      return () => this.emitter.off(executionId, listener);
    });
  }

  /**
   * Emits every event of a type, frozen, from the time of the subscription: of all executions that run in this process,
   * in order for each execution.
   */
  ofType<T extends EventType>(type: T): Observable<ExecutionEventOf<T>> {
    return new Observable((subscriber) => {
      const listener = (event: ExecutionEventOf<T>) => subscriber.next(event);
      this.emitter.on(typeTopic(type), listener);
      return () => this.emitter.off(typeTopic(type), listener);
    });
  }
}

/** Returns the topic for events of a type: the type itself. */
const typeTopic = (type: EventType): string => type;

/** Parses an event into the form that consumers use. */
export function parseEvent({ type, sequence, data }: RecordedEvent): ExecutionEvent {
  const own = { type, sequence };
  // Twice: the first ones come first, and the last ones replace what a module of an older version may have stored.
  return { ...own, ...(JSON.parse(data) as object), ...own } as ExecutionEvent;
}

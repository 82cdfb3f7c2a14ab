import { Injectable } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { EVENT_TYPES, type EventType, type ExecutionEvent } from '@cloutagent/contract';
import { Observable } from 'rxjs';
import type { RecordedEvent } from './recorded-event.js';

/**
 * Carries events that are already in the journal, inside this process: by execution id for streams,
 * by type for listeners, both of them topics as they are. A type's listeners get parsed events; nothing is parsed when
 * nobody listens.
 */
@Injectable()
export class EventBus {
  /** Events published since the process started, by type. */
  readonly published = Object.fromEntries(EVENT_TYPES.map((type) => [type, 0])) as Record<EventType, number>;

  constructor(private readonly emitter: EventEmitter2) {}

  /** Publishes consecutive events of one execution. Only the journal calls this. */
  publish(executionId: string, events: readonly RecordedEvent[]): void {
    this.emitter.emit(executionId, events);
    for (const event of events) {
      this.published[event.type] += 1;
      const topic = typeTopic(event.type);
      if (this.emitter.hasListeners(topic)) this.emitter.emit(topic, parseEvent(event));
    }
  }

  /** Batches of consecutive events of one execution, from now on. */
  ofExecution(executionId: string): Observable<readonly RecordedEvent[]> {
    return this.on(executionId);
  }

  /** Events of one type, of every execution this process owns, from now on. */
  ofType<T extends EventType>(type: T): Observable<Extract<ExecutionEvent, { type: T }>> {
    return this.on(typeTopic(type));
  }

  private on<T>(topic: string): Observable<T> {
    return new Observable<T>((subscriber) => {
      const listener = (value: T) => subscriber.next(value);
      this.emitter.on(topic, listener);
      return () => this.emitter.off(topic, listener);
    });
  }
}

/** Topic of a type's events: the type itself. */
export const typeTopic = (type: EventType): string => type;

/** The event as consumers hold it. */
export const parseEvent = (event: RecordedEvent): ExecutionEvent =>
  ({ sequence: event.sequence, type: event.type, ...(JSON.parse(event.data) as object) }) as ExecutionEvent;

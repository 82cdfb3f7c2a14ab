import type { EventType, ExecutionEvent } from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { checkGap, type Feed, isTerminal, parseData } from './feed.js';
import type { Query } from './http.js';

/** One execution's events: its ids are 1, 2, 3 …; with a filter of types some are left out. */
export class ExecutionFeed implements Feed {
  readonly path: string;
  readonly query: Query;

  /** @param position sequence of the last event that the caller has */
  constructor(
    private readonly executionId: string,
    private readonly types: readonly EventType[] | undefined,
    private position: number,
  ) {
    this.path = `/api/executions/${encodeURIComponent(executionId)}/stream`;
    this.query = { types };
  }

  get lastEventId(): string | undefined {
    return this.position > 0 ? String(this.position) : undefined;
  }

  begin(): void {}

  accept(message: EventSourceMessage): ExecutionEvent | undefined {
    const sequence = parseSequence(message.id);
    // What has no id is no recorded event.
    if (sequence === undefined || message.event === undefined || sequence <= this.position) return undefined;
    if (!this.types) checkGap(sequence, this.position + 1, this.executionId);
    const event = { ...parseData(message), sequence, type: message.event } as ExecutionEvent;
    this.position = sequence;
    return event;
  }

  isLast(event: ExecutionEvent): boolean {
    return isTerminal(event);
  }
}

function parseSequence(id: string | undefined): number | undefined {
  if (id === undefined || !/^\d{1,15}$/.test(id)) return undefined;
  return Number(id);
}

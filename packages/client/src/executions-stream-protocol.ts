import type { EventType, ExecutionEvent } from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { CloutAgentError } from './error.js';
import { checkGap, type Established, type Feed, isTerminal, parseData } from './feed.js';
import type { Query } from './http.js';

/** Ended executions that are still remembered, against events that come twice. */
const ENDED_REMEMBERED = 1_000;

/** Many executions' events: the id is a cursor of the server's, the position is kept by execution. */
export class WatchFeed implements Feed {
  readonly path = '/api/executions/stream';
  private readonly positions = new Map<string, number>();
  private readonly ended = new Set<string>();

  constructor(
    readonly query: Query,
    private readonly types: readonly EventType[] | undefined,
    private cursor: string | undefined,
  ) {}

  get lastEventId(): string | undefined {
    return this.cursor;
  }

  /** Before the first event a lost connection would begin anew, and lose what came meanwhile. */
  begin(established: Established): void {
    if ('cursor' in established && typeof established.cursor === 'string') this.cursor ??= established.cursor;
  }

  accept(message: EventSourceMessage): ExecutionEvent | undefined {
    if (!message.id || message.event === undefined) return undefined;
    const event = { ...parseData(message), type: message.event } as ExecutionEvent;
    const { executionId, sequence } = event;
    if (typeof executionId !== 'string' || !Number.isSafeInteger(sequence)) {
      throw new CloutAgentError(
        'invalid_event',
        `An event ${message.event} names no execution and sequence.`,
      );
    }
    const position = this.positions.get(executionId);
    if (position !== undefined && sequence <= position) return undefined;
    if (position !== undefined && !this.types) checkGap(sequence, position + 1, executionId);
    this.positions.set(executionId, sequence);
    this.cursor = message.id;
    if (isTerminal(event)) this.forgetOldest(executionId);
    return event;
  }

  /** By name the server ends the stream, by filter nobody does. */
  isLast(): boolean {
    return false;
  }

  private forgetOldest(executionId: string): void {
    this.ended.add(executionId);
    if (this.ended.size <= ENDED_REMEMBERED) return;
    for (const oldest of this.ended) {
      this.ended.delete(oldest);
      this.positions.delete(oldest);
      return;
    }
  }
}

import type { EventType, ExecutionEvent } from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { CloutAgentError } from './error.js';
import type { Call } from './http.js';
import {
  checkGap,
  type Established,
  isTerminal,
  parseEvent,
  type StreamProtocol,
} from './stream-protocol.js';

/** The stream of one execution. The event ids are 1, 2, 3 …; with a filter of types, some ids are left out. */
export class ExecutionStreamProtocol implements StreamProtocol {
  path = '';
  call: Call = {};

  /** @param position sequence of the last event that the caller has received; 0 for none */
  constructor(
    private executionId: string,
    private readonly types: readonly EventType[] | undefined,
    private position: number,
  ) {
    this.follow(executionId);
  }

  get lastEventId(): string | undefined {
    return this.position > 0 ? String(this.position) : undefined;
  }

  begin(_established: Established): void {}

  accept(message: EventSourceMessage): ExecutionEvent | undefined {
    const sequence = parseSequence(message.id);
    // A frame without an id is not a recorded event.
    if (sequence === undefined || message.event === undefined || sequence <= this.position) return undefined;
    if (!this.types) checkGap(sequence, this.position + 1, this.executionId);
    const event = parseEvent(message);
    if (event.sequence !== sequence)
      throw new CloutAgentError('invalid_event', `Event ${sequence} has another sequence in its data.`);
    this.position = sequence;
    return event;
  }

  isLast(event: ExecutionEvent): boolean {
    return isTerminal(event);
  }

  /** Makes the next request ask for the events of this execution. */
  protected follow(executionId: string): void {
    this.executionId = executionId;
    this.path = `/api/executions/${encodeURIComponent(executionId)}/stream`;
    this.call = { query: { types: this.types } };
  }
}

function parseSequence(id: string | undefined): number | undefined {
  if (id === undefined || !/^\d{1,15}$/.test(id)) return undefined;
  return Number(id);
}

import type { EventType, ExecutionEvent } from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import type { Call } from './http.js';
import {
  checkGap,
  type Established,
  isTerminal,
  parseEvent,
  type StreamProtocol,
} from './stream-protocol.js';

/** Number of ended executions whose position is kept, so that duplicates of their events are dropped. */
const MAX_ENDED_POSITIONS = 1_000;

/** The stream of many executions. A frame's id is the server's cursor; the position of each execution is kept here. */
export class ExecutionsStreamProtocol implements StreamProtocol {
  readonly path = '/api/executions/stream';
  private readonly positions = new Map<string, number>();
  private readonly ended = new Set<string>();

  constructor(
    readonly call: Call,
    private readonly types: readonly EventType[] | undefined,
    private cursor: string | undefined,
  ) {}

  get lastEventId(): string | undefined {
    return this.cursor;
  }

  /**
   * Keeps the cursor of the first frame. Without it, a connection that is lost before the first event would start
   * again at the current state, and the events in between would be missing.
   */
  begin(established: Established): void {
    if ('cursor' in established && typeof established.cursor === 'string') this.cursor ??= established.cursor;
  }

  accept(message: EventSourceMessage): ExecutionEvent | undefined {
    if (!message.id || message.event === undefined) return undefined;
    const event = parseEvent(message);
    const { executionId, sequence } = event;
    const position = this.positions.get(executionId);
    if (position !== undefined && sequence <= position) return undefined;
    if (position !== undefined && !this.types) checkGap(sequence, position + 1, executionId);
    this.positions.set(executionId, sequence);
    this.cursor = message.id;
    if (isTerminal(event)) this.recordEnded(executionId);
    return event;
  }

  /** No event ends the stream: with ids the server ends it (204), with a filter it never ends. */
  isLast(): boolean {
    return false;
  }

  /** Records that an execution has ended, and forgets the position of the one that ended first. */
  private recordEnded(executionId: string): void {
    this.ended.add(executionId);
    if (this.ended.size <= MAX_ENDED_POSITIONS) return;
    for (const oldest of this.ended) {
      this.ended.delete(oldest);
      this.positions.delete(oldest);
      return;
    }
  }
}

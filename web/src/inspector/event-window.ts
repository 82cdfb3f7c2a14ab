import type { ExecutionEvent } from '@cloutagent/client';

/** Consecutive events without a gap, newest last, bounded in number and size. */
export class EventWindow {
  private list: ExecutionEvent[] = [];
  private size = 0;

  /** Whether older events were loaded. If so, they stay as long as they fit. */
  private extended = false;

  /**
   * @param maxLive maximum number of events before older events were loaded
   * @param max maximum number of events after that
   */
  constructor(
    private readonly maxLive: number,
    private readonly max: number,
    private readonly maxCharacters: number,
  ) {}

  get events(): readonly ExecutionEvent[] {
    return this.list;
  }

  /** Sequence of the oldest event; undefined when there is none. */
  get first(): number | undefined {
    return this.list[0]?.sequence;
  }

  get last(): number {
    return this.list.at(-1)?.sequence ?? 0;
  }

  /** Whether no older events fit. */
  get isFull(): boolean {
    return this.list.length >= this.max || this.size >= this.maxCharacters;
  }

  /** Adds new events and drops the oldest ones if necessary. Ignores duplicates. */
  append(events: readonly ExecutionEvent[]): void {
    const fresh = events.filter(({ sequence }) => sequence > this.last);
    this.list = [...this.list, ...fresh];
    for (const event of fresh) this.size += sizeOf(event);
    const max = this.extended ? this.max : this.maxLive;
    if (this.list.length <= max && this.size <= this.maxCharacters) return;
    // Drop a tenth at a time, because every drop copies the rest of the list.
    let drop = this.list.length > max ? this.list.length - Math.floor(max * 0.9) : 0;
    let size = this.size - sum(this.list.slice(0, drop));
    while (size > this.maxCharacters && drop < this.list.length - 1) size -= sizeOf(this.list[drop++]!);
    this.list = this.list.slice(drop);
    this.size = size;
  }

  /** Adds older events. Ignores events that are not older than the first one. */
  prepend(events: readonly ExecutionEvent[]): void {
    const first = this.first ?? Infinity;
    const older = events.filter(({ sequence }) => sequence < first);
    this.extended = true;
    this.list = [...older, ...this.list];
    this.size += sum(older);
  }
}

const sum = (events: readonly ExecutionEvent[]): number =>
  events.reduce((total, event) => total + sizeOf(event), 0);

/** Estimates the size of an event in characters. Most events are chunks, whose size needs no JSON. */
function sizeOf(event: ExecutionEvent): number {
  return event.type === 'execution:output' || event.type === 'execution:thinking'
    ? event.chunk.length + 200
    : JSON.stringify(event).length;
}

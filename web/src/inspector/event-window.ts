import type { ExecutionEvent } from '@cloutagent/client';

/** A run of events without a hole, newest last, bounded in number and size. */
export class EventWindow {
  private list: ExecutionEvent[] = [];
  private size = 0;

  /** Whether older ones were asked for: then they stay as long as they fit. */
  private extended = false;

  /** @param kept how many are held of those that come by themselves */
  constructor(
    private readonly kept: number,
    private readonly most: number,
    private readonly mostCharacters: number,
  ) {}

  get events(): readonly ExecutionEvent[] {
    return this.list;
  }

  /** Sequence of the oldest event held; undefined when there is none. */
  get first(): number | undefined {
    return this.list[0]?.sequence;
  }

  get last(): number {
    return this.list.at(-1)?.sequence ?? 0;
  }

  /** Nothing older fits. */
  get isFull(): boolean {
    return this.list.length >= this.most || this.size >= this.mostCharacters;
  }

  /** Adds what came live; the oldest make room. An event that is here already is left out. */
  append(events: readonly ExecutionEvent[]): void {
    const fresh = events.filter(({ sequence }) => sequence > this.last);
    this.list = [...this.list, ...fresh];
    for (const event of fresh) this.size += sizeOf(event);
    const most = this.extended ? this.most : this.kept;
    if (this.list.length <= most && this.size <= this.mostCharacters) return;
    // A tenth at a time: moving the rest costs.
    let drop = this.list.length > most ? this.list.length - Math.floor(most * 0.9) : 0;
    let left = this.size - sum(this.list.slice(0, drop));
    while (left > this.mostCharacters && drop < this.list.length - 1) left -= sizeOf(this.list[drop++]!);
    this.list = this.list.slice(drop);
    this.size = left;
  }

  /** Adds older ones; those that are here already, or later ones, are left out. */
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

/** Characters, roughly; most events are a chunk. */
function sizeOf(event: ExecutionEvent): number {
  return event.type === 'execution:output' || event.type === 'execution:thinking'
    ? event.chunk.length + 200
    : JSON.stringify(event).length;
}

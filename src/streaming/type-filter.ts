import type { EventType } from '@cloutagent/contract';

/** The event types a stream shows; equal filters have equal keys. */
export class TypeFilter {
  readonly key: string;
  private readonly set: ReadonlySet<EventType> | undefined;

  /** @param types the types to show; all when left out */
  constructor(readonly types?: readonly EventType[]) {
    this.set = types && new Set(types);
    this.key = this.set ? [...this.set].sort().join() : '*';
  }

  admits(type: EventType): boolean {
    return this.set === undefined || this.set.has(type);
  }
}

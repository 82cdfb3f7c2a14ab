import type { EventType } from '@cloutagent/contract';

/** The event types a stream shows; equal filters have equal keys. */
export class TypeFilter {
  readonly key: string;
  private readonly set: ReadonlySet<EventType> | undefined;

  private static readonly everything = new TypeFilter();

  /** @param types the types to show; all when left out */
  static of(types?: readonly EventType[]): TypeFilter {
    return types ? new TypeFilter(types) : TypeFilter.everything;
  }

  private constructor(readonly types?: readonly EventType[]) {
    this.set = types && new Set(types);
    this.key = this.set ? [...this.set].toSorted().join() : '*';
  }

  admits(type: EventType): boolean {
    return this.set === undefined || this.set.has(type);
  }
}

import type { EventType } from '@cloutagent/contract';

/** The event types that a stream sends. Equal filters have equal keys. */
export class TypeFilter {
  readonly key: string;
  private readonly set: ReadonlySet<EventType> | undefined;

  private static readonly everything = new TypeFilter();

  /** @param types the types to admit; all types if undefined */
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

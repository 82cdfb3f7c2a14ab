const CHUNK = 128;

/** A list as it was at one moment. Immutable; `slice` gives plain arrays of what is needed. */
export class ListView<T> {
  constructor(
    private readonly chunks: readonly (readonly T[])[],
    /** How many entries are kept. */
    readonly length: number,
    /** How many entries before them are no longer kept. */
    readonly dropped: number,
  ) {}

  at(n: number): T | undefined {
    const index = n < 0 ? n + this.length : n;
    return index < this.length ? this.chunks[Math.floor(index / CHUNK)]?.[index % CHUNK] : undefined;
  }

  /** Entries `from` … `to - 1`, all of them by default. */
  slice(from = 0, to = this.length): T[] {
    const found: T[] = [];
    for (let n = Math.max(0, from); n < Math.min(to, this.length); n += 1) found.push(this.at(n) as T);
    return found;
  }
}

/** A list that grows at its end and forgets its beginning past `limit` entries; entries can be replaced. */
export class ListLog<T> {
  private chunks: T[][] = [];
  private length = 0;
  private dropped = 0;
  private current: ListView<T> | undefined;

  constructor(private readonly limit: number) {}

  /** Returns the number that `replace` takes; it stays the same when older entries are forgotten. */
  push(entry: T): number {
    this.current = undefined;
    const last = this.chunks.at(-1);
    // A view does not look behind its length, so that the chunk it shares may grow.
    if (last && last.length < CHUNK) last.push(entry);
    else this.chunks = [...this.chunks, [entry]];
    this.length += 1;
    if (this.length >= this.limit + CHUNK) {
      this.chunks = this.chunks.slice(1);
      this.length -= CHUNK;
      this.dropped += CHUNK;
    }
    return this.dropped + this.length - 1;
  }

  replace(number: number, change: (entry: T) => T): void {
    const index = number - this.dropped;
    const at = Math.floor(index / CHUNK);
    const chunk = this.chunks[at];
    const entry = index < 0 ? undefined : chunk?.[index % CHUNK];
    if (!chunk || entry === undefined) return;
    this.current = undefined;
    this.chunks = this.chunks.with(at, chunk.with(index % CHUNK, change(entry)));
  }

  view(): ListView<T> {
    this.current ??= new ListView(this.chunks, this.length, this.dropped);
    return this.current;
  }
}

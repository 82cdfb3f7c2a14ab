const CHUNK_SIZE = 128;

/** An immutable view of a list. `slice` returns a part of it as an array. */
export class ListView<T> {
  constructor(
    private readonly chunks: readonly (readonly T[])[],
    /** Number of entries that are kept. */
    readonly length: number,
    /** Number of older entries that are no longer kept. */
    readonly dropped: number,
  ) {}

  at(n: number): T | undefined {
    const index = n < 0 ? n + this.length : n;
    return index < this.length
      ? this.chunks[Math.floor(index / CHUNK_SIZE)]?.[index % CHUNK_SIZE]
      : undefined;
  }

  /** Returns entries `from` … `to - 1`. Default: all. */
  slice(from = 0, to = this.length): T[] {
    const found: T[] = [];
    for (let n = Math.max(0, from); n < Math.min(to, this.length); n += 1) found.push(this.at(n) as T);
    return found;
  }
}

/** A list that grows at its end and drops its oldest entries above `limit`. Entries can be replaced. */
export class ListLog<T> {
  private chunks: T[][] = [];
  private length = 0;
  private dropped = 0;
  private current: ListView<T> | undefined;

  constructor(private readonly limit: number) {}

  /** Adds an entry. @returns its number for `replace`, which stays valid when older entries are dropped */
  push(entry: T): number {
    this.current = undefined;
    const last = this.chunks.at(-1);
    // Views share this chunk. It may grow, because a view does not read beyond its length.
    if (last && last.length < CHUNK_SIZE) last.push(entry);
    else this.chunks = [...this.chunks, [entry]];
    this.length += 1;
    if (this.length >= this.limit + CHUNK_SIZE) {
      this.chunks = this.chunks.slice(1);
      this.length -= CHUNK_SIZE;
      this.dropped += CHUNK_SIZE;
    }
    return this.dropped + this.length - 1;
  }

  replace(number: number, change: (entry: T) => T): void {
    const index = number - this.dropped;
    const at = Math.floor(index / CHUNK_SIZE);
    const chunk = this.chunks[at];
    const entry = index < 0 ? undefined : chunk?.[index % CHUNK_SIZE];
    if (!chunk || entry === undefined) return;
    this.current = undefined;
    this.chunks = this.chunks.with(at, chunk.with(index % CHUNK_SIZE, change(entry)));
  }

  view(): ListView<T> {
    this.current ??= new ListView(this.chunks, this.length, this.dropped);
    return this.current;
  }
}

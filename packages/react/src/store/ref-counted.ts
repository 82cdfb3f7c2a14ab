interface Closeable {
  close(): void;
}

/**
 * Reference-counted objects by key. The first user creates an object; it is closed after the last user has released it.
 * The object is kept for `lingerMs` after that, because React's StrictMode and a change of pages release it and acquire
 * it again immediately.
 */
export class RefCounted<T extends Closeable> {
  private readonly entries = new Map<
    string,
    { value: T; users: number; timer?: ReturnType<typeof setTimeout> }
  >();

  /** @param lingerMs how long an unused object is kept, in ms */
  constructor(
    private readonly create: (key: string) => T,
    private readonly lingerMs: number,
  ) {}

  /** Returns the object without counting a user; undefined if there is none. */
  peek(key: string): T | undefined {
    return this.entries.get(key)?.value;
  }

  /** Returns the object, and a function that releases it. */
  acquire(key: string): { value: T; release: () => void } {
    const entry = this.entries.get(key) ?? { value: this.create(key), users: 0 };
    this.entries.set(key, entry);
    clearTimeout(entry.timer);
    entry.users += 1;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      entry.users -= 1;
      if (entry.users > 0) return;
      clearTimeout(entry.timer);
      entry.timer = setTimeout(() => {
        if (entry.users > 0) return;
        this.entries.delete(key);
        entry.value.close();
      }, this.lingerMs);
    };
    return { value: entry.value, release };
  }
}

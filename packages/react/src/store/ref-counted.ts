interface Shareable {
  close(): void;
}

/**
 * One object for all who use the same key: made for the first, closed after the last has left. A little after, for
 * React's StrictMode and a change of pages let go of it only to take it again at once.
 */
export class Shared<T extends Shareable> {
  private readonly entries = new Map<
    string,
    { value: T; users: number; timer?: ReturnType<typeof setTimeout> }
  >();

  /** @param lingerMs how long an unused object is kept */
  constructor(
    private readonly make: (key: string) => T,
    private readonly lingerMs: number,
  ) {}

  peek(key: string): T | undefined {
    return this.entries.get(key)?.value;
  }

  /** Returns the object and how to let go of it. */
  acquire(key: string): { value: T; release: () => void } {
    const entry = this.entries.get(key) ?? { value: this.make(key), users: 0 };
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

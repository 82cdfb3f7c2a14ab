/** Named one-time signals: each can be awaited and opened, in either order. */
export class Latches {
  private readonly latches = new Map<string, PromiseWithResolvers<void>>();

  /** Resolves when the latch is open. */
  wait(name: string): Promise<void> {
    return this.get(name).promise;
  }

  open(name: string): void {
    this.get(name).resolve();
  }

  private get(name: string): PromiseWithResolvers<void> {
    const latch = this.latches.get(name) ?? Promise.withResolvers<void>();
    this.latches.set(name, latch);
    return latch;
  }
}

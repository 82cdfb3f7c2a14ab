/** Stands before every node and every emission: closed while the execution is paused. */
export class PauseGate {
  private opening: PromiseWithResolvers<void> | undefined;

  get isOpen(): boolean {
    return this.opening === undefined;
  }

  close(): void {
    this.opening ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.opening?.resolve();
    this.opening = undefined;
  }

  /**
   * Waits until the gate is open.
   * @throws the signal's reason when it aborts first
   */
  async pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.opening) {
      const { promise, reject } = Promise.withResolvers<never>();
      const abort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      try {
        await Promise.race([this.opening.promise, promise]);
      } finally {
        signal.removeEventListener('abort', abort);
      }
      signal.throwIfAborted();
    }
  }
}

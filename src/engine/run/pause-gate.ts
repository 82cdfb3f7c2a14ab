import { abortable } from '../../common/abortable.js';

/** Every node and every emission passes this gate. It is closed while the execution is paused. */
export class PauseGate {
  /** Resolves when the gate opens; undefined while it is open. */
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
   * Waits until the gate is open. It may be closed again when the caller continues: check `isOpen` again.
   * @throws the signal's reason when it aborts first
   */
  async pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.opening) {
      await abortable(this.opening.promise, signal);
      signal.throwIfAborted();
    }
  }
}

import { TypeFilter } from '../frames/type-filter.js';
import type { Watcher } from '../channel/watcher.js';

/** Waits for new events of an execution on behalf of code that reads the journal itself. */
export class ExecutionFollower implements Watcher {
  readonly filter = TypeFilter.of();
  /** Whether there will be no further events, because the server stops or the execution was deleted. */
  hasEnded = false;
  private waiting = Promise.withResolvers<void>();

  /** Resolves when the channel has advanced since the last call, or at the end. */
  async next(): Promise<void> {
    await this.waiting.promise;
    this.waiting = Promise.withResolvers<void>();
  }

  /** Never: the channel delivers nothing and only wakes. */
  isAt(): boolean {
    return false;
  }

  deliver(): boolean {
    return false;
  }

  wake(): void {
    this.waiting.resolve();
  }

  endWithRetry(): void {
    this.hasEnded = true;
    this.wake();
  }

  onDeleted(): void {
    this.endWithRetry();
  }
}

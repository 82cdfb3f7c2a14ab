import { isTerminalType } from './journal-rules.ts';
import type { WatcherLog } from './oracle.ts';
import { StreamFollower } from './stream-follower.ts';

/** Follows one execution to its end. */
export class Watcher {
  /** Resolves when the stream has ended, or after `stop`. */
  readonly done: Promise<void>;
  private readonly stream: StreamFollower;

  /**
   * @param pickServer returns the base URL for the next connection; undefined while no server is running
   * @param after the Last-Event-ID of the first connection; 0 for none
   */
  constructor(
    private readonly name: string,
    private readonly executionId: string,
    pickServer: () => string | undefined,
    private readonly after: number,
  ) {
    this.stream = new StreamFollower(
      `/api/executions/${executionId}/stream`,
      pickServer,
      (frame) => isTerminalType(frame?.type ?? ''),
      after === 0 ? undefined : String(after),
    );
    this.done = this.stream.follow();
  }

  get log(): WatcherLog {
    const { name, executionId, after } = this;
    const { frames, complaints } = this.stream;
    return { name, executionId, after, frames, complaints };
  }

  get hasEnded(): boolean {
    return this.stream.hasEnded;
  }

  get connections(): number {
    return this.stream.connections;
  }

  stop(): void {
    this.stream.stop();
  }
}

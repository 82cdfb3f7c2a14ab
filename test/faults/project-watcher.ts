import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminalType } from './journal-rules.ts';
import type { SeenFrame, WatcherLog } from './oracle.ts';
import { StreamFollower } from './stream-follower.ts';

const POLL_MS = 20;

/** Follows all executions of a project on one stream. The stream's ids are cursors over all executions. */
export class ProjectWatcher {
  private readonly stream: StreamFollower;
  private readonly done: Promise<void>;
  private readonly byExecution = new Map<string, SeenFrame[]>();
  private sorted = 0;

  /** @param pickServer returns the base URL for the next connection; undefined while no server is running */
  constructor(
    private readonly name: string,
    projectId: string,
    pickServer: () => string | undefined,
  ) {
    // A stream by filter never ends.
    this.stream = new StreamFollower(
      `/api/executions/stream?projectId=${projectId}`,
      pickServer,
      () => false,
    );
    this.done = this.stream.follow();
  }

  get connections(): number {
    return this.stream.connections;
  }

  /** Waits until the stream is open. It shows executions that have not ended by then. */
  async untilEstablished(): Promise<void> {
    while (!this.stream.isEstablished) await sleep(POLL_MS);
  }

  /** Whether it has received the terminal event of an execution. */
  hasSeenEnd(executionId: string): boolean {
    return this.logOf(executionId).frames.some(({ type }) => isTerminalType(type));
  }

  /** Returns the events that it has received of one execution. */
  logOf(executionId: string): WatcherLog {
    this.sort();
    const frames = this.byExecution.get(executionId) ?? [];
    return { name: this.name, executionId, after: 0, frames, complaints: this.stream.complaints };
  }

  async stop(): Promise<void> {
    this.stream.stop();
    await this.done;
  }

  /** Sorts the new frames by execution. The data of each frame holds the event's own sequence. */
  private sort(): void {
    const { frames } = this.stream;
    for (; this.sorted < frames.length; this.sorted += 1) {
      const { type, data } = frames[this.sorted]!;
      const { executionId, sequence } = JSON.parse(data) as { executionId: string; sequence: number };
      const own = this.byExecution.get(executionId) ?? [];
      own.push({ id: String(sequence), type, data });
      this.byExecution.set(executionId, own);
    }
  }
}

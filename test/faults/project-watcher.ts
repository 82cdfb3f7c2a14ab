import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminalType } from './journal-rules.ts';
import type { SeenFrame, WatcherLog } from './oracle.ts';
import { StreamFollower } from './stream-follower.ts';

const POLL_MS = 20;

/** Follows all executions of a project on one stream, whose ids are cursors over all of them. */
export class ProjectWatcher {
  private readonly stream: StreamFollower;
  private readonly done: Promise<void>;
  private readonly byExecution = new Map<string, SeenFrame[]>();
  private sorted = 0;

  /** @param pickServer base URL for the next connection; undefined while there is none */
  constructor(
    private readonly name: string,
    projectId: string,
    pickServer: () => string | undefined,
  ) {
    // A stream by filter has no end of its own.
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

  /** Waits until the stream is open: it shows what has not ended by then. */
  async untilEstablished(): Promise<void> {
    while (!this.stream.isEstablished) await sleep(POLL_MS);
  }

  /** Whether it has seen the end of an execution. */
  hasSeenEnd(executionId: string): boolean {
    return this.logOf(executionId).frames.some(({ type }) => isTerminalType(type));
  }

  /** What it has seen of one execution. */
  logOf(executionId: string): WatcherLog {
    this.sort();
    const frames = this.byExecution.get(executionId) ?? [];
    return { name: this.name, executionId, after: 0, frames, complaints: this.stream.complaints };
  }

  async stop(): Promise<void> {
    this.stream.stop();
    await this.done;
  }

  /** Sorts what has come since the last time by execution. Its own sequence is in the data of each frame. */
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

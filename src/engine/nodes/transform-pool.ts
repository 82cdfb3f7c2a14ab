import { TransformProcess } from './transform-process.js';

/** The processes that parse and evaluate JSONata, busy and idle. */
export class TransformPool {
  private readonly idle: TransformProcess[] = [];
  private readonly all = new Set<TransformProcess>();

  /** @param memoryMB memory limit of each process */
  constructor(private readonly memoryMB: number) {}

  /** Starts a process in advance. */
  warm(): void {
    this.release(new TransformProcess(this.memoryMB, this.all));
  }

  /**
   * Takes an idle process, preferably one that has the project's realm, or starts a process.
   * @returns undefined if no process can be started
   */
  async acquire(projectId: string): Promise<TransformProcess | undefined> {
    // If no process has the project's realm (-1), splice removes the last one, which worked most recently.
    const index = this.idle.findIndex((process) => process.hasRealm(projectId));
    for (let [next] = this.idle.splice(index, 1); next; next = this.idle.pop()) {
      if (!next.isUsable) continue;
      next.ref();
      if (await next.ready) return next;
    }
    const process = new TransformProcess(this.memoryMB, this.all);
    return (await process.ready) ? process : undefined;
  }

  /** Returns a process to the pool. A process that was killed is dropped. */
  release(process: TransformProcess): void {
    if (!process.isUsable) return;
    // An idle process must not keep the server from exiting.
    process.unref();
    this.idle.push(process);
  }

  killAll(): void {
    for (const process of this.all) process.kill();
  }
}

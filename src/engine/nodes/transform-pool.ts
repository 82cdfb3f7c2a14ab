import { TransformProcess } from './transform-process.js';

/** The processes that parse and evaluate JSONata: those that work and those that wait for work. */
export class TransformPool {
  private readonly idle: TransformProcess[] = [];
  private readonly all = new Set<TransformProcess>();

  /** @param memoryMB memory limit of each process */
  constructor(private readonly memoryMB: number) {}

  /** Starts a process beforehand. */
  warm(): void {
    this.rest(new TransformProcess(this.memoryMB, this.all));
  }

  /**
   * Takes an idle process, one that has the project's realm if there is any, or starts one.
   * @returns nothing when none can be started
   */
  async take(projectId: string): Promise<TransformProcess | undefined> {
    // The last one that worked, when none has the project's realm (-1).
    const known = this.idle.findIndex((process) => process.knows(projectId));
    for (let [next] = this.idle.splice(known, 1); next; next = this.idle.pop()) {
      if (!next.isUsable) continue;
      next.hold(true);
      if (await next.ready) return next;
    }
    const process = new TransformProcess(this.memoryMB, this.all);
    return (await process.ready) ? process : undefined;
  }

  /** Takes a process back, unless it was ended. */
  rest(process: TransformProcess): void {
    if (!process.isUsable) return;
    // The server may end while it waits.
    process.hold(false);
    this.idle.push(process);
  }

  killAll(): void {
    for (const process of this.all) process.kill();
  }
}

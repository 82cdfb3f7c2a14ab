import { abortable } from '../../common/abortable.js';
import { Holder } from '../../common/holder.js';

/**
 * Bounds how many jobs run at the same time, and shares the slots fairly among projects: projects take turns, however many
 * jobs each of them has waiting, and one project holds at most half of the slots.
 */
export class FairSemaphore {
  private free: number;
  private readonly maxPerProject: number;
  /** How many slots each project holds. */
  private readonly held = new Map<string, number>();
  /** The waiting jobs of each project. The first project has the next turn. */
  private readonly waiting = new Map<string, Set<() => void>>();

  /** @param slots jobs that may run at the same time */
  constructor(slots: number) {
    this.free = slots;
    this.maxPerProject = Math.max(1, Math.floor(slots / 2));
  }

  /**
   * Waits for a slot.
   * @throws the signal's reason when it aborts first
   */
  async acquire(projectId: string, signal: AbortSignal): Promise<Holder> {
    signal.throwIfAborted();
    if (this.mayTake(projectId)) this.take(projectId);
    else await this.wait(projectId, signal);
    return new Holder(() => this.release(projectId));
  }

  private async wait(projectId: string, signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const jobs = this.waiting.get(projectId) ?? new Set();
    this.waiting.set(projectId, jobs.add(turn.resolve));
    try {
      await abortable(turn.promise, signal);
    } catch (error) {
      if (jobs.delete(turn.resolve)) {
        if (jobs.size === 0 && this.waiting.get(projectId) === jobs) this.waiting.delete(projectId);
      } else {
        // The slot was handed over in the same turn of the event loop, after the abort.
        this.release(projectId);
      }
      throw error;
    }
  }

  private mayTake(projectId: string): boolean {
    return this.free > 0 && (this.held.get(projectId) ?? 0) < this.maxPerProject;
  }

  private take(projectId: string): void {
    this.free -= 1;
    this.held.set(projectId, (this.held.get(projectId) ?? 0) + 1);
  }

  private release(projectId: string): void {
    this.free += 1;
    const left = this.held.get(projectId)! - 1;
    if (left === 0) this.held.delete(projectId);
    else this.held.set(projectId, left);
    this.handOver();
  }

  /**
   * Hands a free slot to the first waiting project that may take it. The loop skips only projects that already hold half
   * of the slots, and there are few of them.
   */
  private handOver(): void {
    for (const [projectId, jobs] of this.waiting) {
      if (!this.mayTake(projectId)) continue;
      const [job] = jobs;
      jobs.delete(job!);
      // Move the project to the end of the line.
      this.waiting.delete(projectId);
      if (jobs.size > 0) this.waiting.set(projectId, jobs);
      this.take(projectId);
      job!();
      return;
    }
  }
}

/** Gives a place back. */
export type Release = () => void;

/**
 * A fixed number of places that projects take in turns, however many jobs each of them has waiting. One project holds at
 * most half of the places, so that there are always some for the others.
 */
export class ProjectTurns {
  private free: number;
  private readonly most: number;
  private readonly held = new Map<string, number>();
  /** Projects with waiting jobs, the one whose turn is next first. */
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(places: number) {
    this.free = places;
    this.most = Math.max(1, Math.floor(places / 2));
  }

  /**
   * Waits for a place.
   * @throws the signal's reason when it aborts first
   */
  async acquire(projectId: string, signal: AbortSignal): Promise<Release> {
    signal.throwIfAborted();
    if (!this.mayTake(projectId)) await this.wait(projectId, signal);
    else this.take(projectId);
    let isHeld = true;
    return () => {
      if (isHeld) this.release(projectId);
      isHeld = false;
    };
  }

  private async wait(projectId: string, signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const jobs = this.waiting.get(projectId) ?? new Set();
    this.waiting.set(projectId, jobs.add(turn.resolve));
    const onAbort = () => {
      jobs.delete(turn.resolve);
      if (jobs.size === 0 && this.waiting.get(projectId) === jobs) this.waiting.delete(projectId);
      turn.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  private mayTake(projectId: string): boolean {
    return this.free > 0 && (this.held.get(projectId) ?? 0) < this.most;
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
    this.next();
  }

  /** Gives a free place to the first project that may have it. Few may not: each of those holds half of the places. */
  private next(): void {
    for (const [projectId, jobs] of this.waiting) {
      if (!this.mayTake(projectId)) continue;
      const [job] = jobs;
      jobs.delete(job!);
      this.waiting.delete(projectId);
      // To the end of the line.
      if (jobs.size > 0) this.waiting.set(projectId, jobs);
      this.take(projectId);
      job!();
      return;
    }
  }
}

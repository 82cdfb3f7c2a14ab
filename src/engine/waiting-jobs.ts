import type { Database } from '../database/database.js';

/**
 * The jobs of this process whose executions only wait, for a resume or a person. They take no place among
 * those that run: pg-boss counts the active jobs of a group, so while one waits it has none.
 */
export class WaitingJobs {
  private readonly waiting = new Set<string>();
  /** The last change of each job that is under way: they must not overtake each other. */
  private readonly changes = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly onError: (error: Error) => void,
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  /** @returns once it is so in the queue */
  set(jobId: string, waits: boolean): Promise<void> {
    if (waits) this.waiting.add(jobId);
    else this.waiting.delete(jobId);
    const change = (this.changes.get(jobId) ?? Promise.resolve())
      .then(() => this.regroup([jobId], waits))
      .catch(this.onError)
      .finally(() => {
        if (this.changes.get(jobId) === change) this.changes.delete(jobId);
      });
    this.changes.set(jobId, change);
    return change;
  }

  /** Before a job is given back: whoever takes it next starts it like any other. */
  async end(jobId: string): Promise<void> {
    if (this.waiting.has(jobId)) await this.set(jobId, false);
    else await this.changes.get(jobId);
  }

  /** Puts jobs into their projects' groups, or into none. */
  async regroup(jobIds: readonly string[], none: boolean): Promise<void> {
    await this.database.pool.query(
      `UPDATE pgboss.job SET group_id = CASE WHEN $2 THEN NULL ELSE data->>'projectId' END
       WHERE name = 'executions' AND id = ANY ($1::uuid[])`,
      [jobIds, none],
    );
  }
}

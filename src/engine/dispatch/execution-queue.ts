import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { DeadProcess } from '../../cluster/death-detector.js';
import { Database } from '../../database/database.js';
import { PROCESS_LOCK } from '../../database/dedicated-connection.js';
import { ProcessIdentity } from '../../database/process-identity.js';
import type { ExecutionRow } from '../execution-row.js';

/** Held by one claim at a time, over all processes: two at once could exceed a project's limit. */
const CLAIM_LOCK = 0x636c6169;

/** Takes an execution from an owner that seems to have died. */
const RECLAIM = `owner = NULL, idle = false, runnable_at = now(),
  crash_count = crash_count + 1, crashed_owners = crashed_owners || owner`;

/** An execution that the database says this process owns. */
export interface Owned {
  id: string;
  attempt: number;
  /** Of the newest event that is stored. */
  lastSequence: number;
}

/**
 * The statements that decide which process owns an execution. The row is its own place in the queue: `runnable_at`,
 * `owner` and `attempt` (docs/ownership.md names and explains each of them).
 */
@Injectable()
export class ExecutionQueue {
  constructor(
    private readonly database: Database,
    private readonly identity: ProcessIdentity,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_EXECUTIONS_PER_PROJECT'>,
  ) {}

  /**
   * Claims the executions that have been runnable for longest and for which their projects have concurrency slots.
   * @param limit most executions
   * @returns their rows, and whether more are queued
   */
  async claim(limit: number): Promise<{ rows: ExecutionRow[]; more: boolean }> {
    // One message, so that the lock is never held while the network is waited for. Each statement of it has a snapshot
    // of its own: the second one sees what the claim before it took. All that is filled in are numbers.
    const results = (await this.database.pool.query(
      `SELECT pg_advisory_xact_lock(${CLAIM_LOCK});
       ${claimStatement(Number(this.identity.value), limit, this.settings.MAX_EXECUTIONS_PER_PROJECT)};
       SELECT EXISTS (SELECT FROM cloutagent.executions WHERE runnable_at <= clock_timestamp()) AS more`,
    )) as unknown as { rows: unknown[] }[];
    const rows = (results[1]!.rows as ExecutionRow[]).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    return { rows, more: (results[2]!.rows[0] as { more: boolean }).more };
  }

  /**
   * Gives an execution up so that any process may claim it. Does nothing when this claim does not hold any more.
   * @param delayMs from when on it may be claimed
   * @param isCrash whether it counts like the death of its owner: the execution itself is at fault
   */
  async release(executionId: string, attempt: number, delayMs = 0, isCrash = false): Promise<void> {
    await this.database.pool.query(
      `UPDATE cloutagent.executions SET owner = NULL, idle = false, runnable_at = now() + $4 * interval '1 ms',
         crash_count = crash_count + cardinality($5::text[]), crashed_owners = crashed_owners || $5::text[]
       WHERE id = $1 AND owner = $2 AND attempt = $3 AND completed_at IS NULL`,
      [executionId, this.identity.value, attempt, delayMs, isCrash ? ['refused'] : []],
    );
  }

  /**
   * Declares a process dead and takes its executions from it.
   * @returns how many; undefined when it lives after all, or another process was faster
   */
  async reclaim({ identity, silentSince }: DeadProcess): Promise<number | undefined> {
    // A process that comes back waits for this lock, or finds its row gone, before it relies on being the owner.
    const { rows } = await this.database.pool.query<{ isDead: boolean; executions: number }>(
      `WITH dead AS (
         DELETE FROM cloutagent.processes WHERE identity = $1
           AND CASE WHEN $3::text IS NULL THEN pg_try_advisory_xact_lock($2, identity::int) ELSE beat_at::text = $3 END
         RETURNING identity
       ), reclaimed AS (
         UPDATE cloutagent.executions SET ${RECLAIM}
         FROM dead WHERE owner = dead.identity AND completed_at IS NULL RETURNING id
       )
       SELECT EXISTS (SELECT FROM dead) AS "isDead", (SELECT count(*)::int FROM reclaimed) AS executions`,
      [identity, PROCESS_LOCK, silentSince ?? null],
    );
    const { isDead, executions } = rows[0]!;
    return isDead ? executions : undefined;
  }

  /** Takes back what was counted while the others took this process for dead: it lives. */
  async uncountCrashes(): Promise<void> {
    await this.database.pool.query(
      `UPDATE cloutagent.executions SET crash_count = cardinality(array_remove(crashed_owners, $1)),
         crashed_owners = array_remove(crashed_owners, $1)
       WHERE crashed_owners <> '{}' AND $1 = ANY (crashed_owners)`,
      [this.identity.value],
    );
  }

  /** Lists what the database says this process owns. */
  async owned(): Promise<Owned[]> {
    const { rows } = await this.database.pool.query<Owned>(
      `SELECT id, attempt, coalesce((
         SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id), 0) AS "lastSequence"
       FROM cloutagent.executions AS e WHERE owner = $1 AND completed_at IS NULL`,
      [this.identity.value],
    );
    return rows;
  }

  /**
   * Queues what is open without a reason to stand still: owned by nobody and not runnable, or owned by a process that
   * is neither registered nor alive, as after a restore or a failover.
   * @returns how many
   */
  async sweep(): Promise<number> {
    const stranded = await this.database.pool.query(
      `UPDATE cloutagent.executions SET runnable_at = now()
       WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL`,
    );
    // The distinct owners one by one, by the index: there may be many executions of each.
    const orphaned = await this.database.pool.query(
      `WITH RECURSIVE owners AS (
         SELECT min(owner) AS owner FROM cloutagent.executions WHERE completed_at IS NULL AND owner IS NOT NULL
         UNION ALL
         SELECT (SELECT min(e.owner) FROM cloutagent.executions AS e
                 WHERE e.completed_at IS NULL AND e.owner IS NOT NULL AND e.owner > o.owner)
         FROM owners AS o WHERE o.owner IS NOT NULL
       )
       UPDATE cloutagent.executions SET owner = NULL, idle = false, runnable_at = now()
       WHERE completed_at IS NULL AND owner IN (
         SELECT o.owner FROM owners AS o WHERE o.owner IS NOT NULL
           AND NOT EXISTS (SELECT FROM cloutagent.processes AS p WHERE p.identity = o.owner)
           AND pg_try_advisory_xact_lock($1, o.owner::int)
       )`,
      [PROCESS_LOCK],
    );
    return (stranded.rowCount ?? 0) + (orphaned.rowCount ?? 0);
  }

  /** Lists executions that nobody owns and that are to be cancelled. */
  async cancellable(): Promise<{ id: string; by: string | null; reason: string | null }[]> {
    const { rows } = await this.database.pool.query<{ id: string; by: string | null; reason: string | null }>(
      `SELECT id, desired_state_by AS by, desired_state_reason AS reason FROM cloutagent.executions
       WHERE completed_at IS NULL AND owner IS NULL AND desired_state = 'cancel' LIMIT 100`,
    );
    return rows;
  }
}

/**
 * Walks through the projects that have something queued, by the index, and takes what each has slots for. The lock on
 * this process's row keeps a reclaim apart: what it deletes together with the row can own nothing afterwards.
 */
const claimStatement = (identity: number, limit: number, perProject: number): string => `
  WITH RECURSIVE queued AS (
    SELECT min(project_id) AS project_id FROM cloutagent.executions WHERE runnable_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(e.project_id) FROM cloutagent.executions AS e
            WHERE e.runnable_at IS NOT NULL AND e.project_id > q.project_id)
    FROM queued AS q WHERE q.project_id IS NOT NULL
  ), candidates AS (
    SELECT c.id, c.runnable_at FROM queued AS q,
      LATERAL (
        SELECT count(*)::int AS taken FROM (
          SELECT FROM cloutagent.executions AS e
          WHERE e.project_id = q.project_id AND e.owner IS NOT NULL AND NOT e.idle LIMIT ${perProject}
        ) AS busy
      ) AS slots,
      LATERAL (
        SELECT e.id, e.runnable_at FROM cloutagent.executions AS e
        WHERE e.project_id = q.project_id AND e.runnable_at <= clock_timestamp()
        ORDER BY e.runnable_at, e.id LIMIT greatest(0, least(${limit}, ${perProject} - slots.taken))
      ) AS c
    ORDER BY c.runnable_at, c.id LIMIT ${limit}
  ), free AS (
    SELECT e.id FROM cloutagent.executions AS e WHERE e.id IN (SELECT id FROM candidates)
      AND e.owner IS NULL AND e.completed_at IS NULL AND e.runnable_at IS NOT NULL
    FOR UPDATE SKIP LOCKED
  ), me AS (
    SELECT identity FROM cloutagent.processes WHERE identity = '${identity}' FOR KEY SHARE
  )
  UPDATE cloutagent.executions AS e
  SET owner = me.identity, attempt = e.attempt + 1, runnable_at = NULL, idle = false
  FROM free, me WHERE e.id = free.id
  RETURNING e.*`;

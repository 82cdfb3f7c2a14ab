import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import type { DeadProcess } from '../../cluster/death-detector.js';
import { Database } from '../../database/database.js';
import { PROCESS_LOCK } from '../../database/dedicated-connection.js';
import { isOpen } from '../../database/is-open.js';
import { ProcessIdentity } from '../../database/process-identity.js';
import type { ParkedRun } from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';

/** Advisory lock that one claim of all processes holds at a time: two claims at once could exceed a project's limit. */
const CLAIM_LOCK = 0x636c6169;

/** The changes that take an execution away from an owner that seems to be dead. */
const RECLAIM = `owner = NULL, idle = false, parked = false, runnable_at = now(),
  crash_count = crash_count + 1, crashed_owners = crashed_owners || owner`;

/** What a statement that inserts executions needs in order to claim them (`cloutagent.claimable`). */
export interface InsertClaim {
  readonly lock: number;
  /** Identity of this process. */
  readonly owner: string;
  readonly maxPerProject: number;
  /** How many executions it may claim in all; 0 for none. */
  readonly limit: number;
}

/** An execution that this process owns according to the database. */
export interface OwnedExecution {
  id: string;
  attempt: number;
  /** Sequence of the newest stored event; 0 if there is none. */
  lastSequence: number;
}

/**
 * The statements that decide which process owns an execution. An execution's row is its place in the queue, by its columns
 * `runnable_at`, `owner` and `attempt`. docs/ownership.md names each statement and explains why it is safe.
 */
@Injectable()
export class ExecutionQueue {
  constructor(
    private readonly database: Database,
    private readonly identity: ProcessIdentity,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_EXECUTIONS_PER_PROJECT'>,
  ) {}

  /**
   * Claims the executions that have been runnable for longest and whose projects have free concurrency slots.
   * @param limit maximum number of executions
   * @param isShare whether to leave the others of these executions to the other processes, which claim at the same time
   * @returns their rows, whether more executions are queued, whether one was left because another transaction has locked its
   *   row, and the time until the next execution may begin that was started for later, in ms
   */
  async claim(
    limit: number,
    isShare = false,
  ): Promise<{ rows: ExecutionRow[]; hasMore: boolean; hasLocked: boolean; nextInMs: number | null }> {
    // One message, so that the lock is not held during a network round trip. Each statement of the message has its own
    // snapshot, so the second statement sees the result of the previous claim. Only numbers are inserted into the text.
    const results = (await this.database.pool.query(
      `SELECT pg_advisory_xact_lock(${CLAIM_LOCK});
       ${claimStatement(Number(this.identity.value), limit, this.settings.MAX_EXECUTIONS_PER_PROJECT, isShare)};
       SELECT EXISTS (SELECT FROM cloutagent.executions WHERE runnable_at <= clock_timestamp()) AS "hasMore",
         (SELECT extract(epoch FROM min(start_at) - clock_timestamp())::float8 * 1000 FROM cloutagent.executions
          WHERE start_at > now() AND attempt = 0 AND completed_at IS NULL) AS "nextInMs"`,
    )) as unknown as { rows: unknown[] }[];
    const found = results[1]!.rows as (ExecutionRow & { locked: number })[];
    // Without an execution there is one row, of which all columns but the number are null.
    const rows = found.filter(({ id }) => id !== null).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    const queued = results[2]!.rows[0] as { hasMore: boolean; nextInMs: number | null };
    return { rows, ...queued, hasLocked: found.some(({ locked }) => locked > 0) };
  }

  /** Makes the claim of a statement that inserts executions. @param limit maximum number of executions */
  insertClaim(limit: number): InsertClaim {
    const { MAX_EXECUTIONS_PER_PROJECT: maxPerProject } = this.settings;
    return { lock: CLAIM_LOCK, owner: this.identity.value, maxPerProject, limit };
  }

  /**
   * Releases an execution so that any process may claim it. Does nothing if this process no longer owns it under this
   * attempt.
   * @param delayMs how long it may not be claimed
   * @param isCrash whether it counts as a crash of its owner, because the execution itself is at fault
   */
  async release(executionId: string, attempt: number, delayMs = 0, isCrash = false): Promise<void> {
    await this.database.pool.query(
      `UPDATE cloutagent.executions SET owner = NULL, idle = false, parked = false,
         runnable_at = now() + $4 * interval '1 ms',
         crash_count = crash_count + cardinality($5::text[]), crashed_owners = crashed_owners || $5::text[]
       WHERE id = $1 AND owner = $2 AND attempt = $3 AND ${isOpen()}`,
      [executionId, this.identity.value, attempt, delayMs, isCrash ? ['refused'] : []],
    );
  }

  /**
   * Leaves an execution that only waits: no process owns it until a wait ends or a request arrives. If that has happened since
   * the run read the row, the execution is queued at once. Does nothing if this process no longer owns it under this attempt.
   * @returns whether it is queued
   */
  async park(
    executionId: string,
    attempt: number,
    { wakes, desiredState, deadlineMs }: ParkedRun,
  ): Promise<boolean> {
    const { rows } = await this.database.pool.query<{ isQueued: boolean }>({
      name: 'execution-park',
      text: `UPDATE cloutagent.executions SET owner = NULL, idle = false, parked = true,
          runnable_at = CASE WHEN wakes = $4 AND desired_state = $5 THEN now() + $6::float8 * interval '1 ms' ELSE now() END
        WHERE id = $1 AND owner = $2 AND attempt = $3 AND ${isOpen()}
        RETURNING NOT (wakes = $4 AND desired_state = $5) AS "isQueued"`,
      values: [executionId, this.identity.value, attempt, wakes, desiredState, deadlineMs ?? null],
    });
    return rows[0]?.isQueued ?? false;
  }

  /**
   * Declares a process dead and queues its executions again.
   * @returns the number of executions; undefined if the process is alive after all, or another process was faster
   */
  async reclaim({ identity, silentSince }: DeadProcess): Promise<number | undefined> {
    // A process that returns waits for this lock, or finds its row deleted, before it acts as an owner again.
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

  /** Takes back the crashes that the other processes counted while they wrongly considered this process dead. */
  async uncountCrashes(): Promise<void> {
    await this.database.pool.query(
      `UPDATE cloutagent.executions SET crash_count = cardinality(array_remove(crashed_owners, $1)),
         crashed_owners = array_remove(crashed_owners, $1)
       WHERE crashed_owners <> '{}' AND $1 = ANY (crashed_owners)`,
      [this.identity.value],
    );
  }

  /** Lists the executions that this process owns according to the database. */
  async owned(): Promise<OwnedExecution[]> {
    const { rows } = await this.database.pool.query<OwnedExecution>(
      `SELECT id, attempt, coalesce((
         SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id), 0) AS "lastSequence"
       FROM cloutagent.executions AS e WHERE owner = $1 AND completed_at IS NULL`,
      [this.identity.value],
    );
    return rows;
  }

  /**
   * Queues open executions that no process would run otherwise: those that are unowned and not runnable although nothing
   * explains it, and those whose owner is neither registered nor alive. A restore or a failover can leave such rows.
   * @returns the number of executions
   */
  async sweep(): Promise<number> {
    const stranded = await this.database.pool.query(
      `UPDATE cloutagent.executions SET runnable_at = now()
       WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL AND NOT parked
         AND (parent_id IS NULL OR attempt > 0)`,
    );
    // The recursive query finds the distinct owners by the index, one by one: each may own many executions.
    const orphaned = await this.database.pool.query(
      `WITH RECURSIVE owners AS (
         SELECT min(owner) AS owner FROM cloutagent.executions WHERE completed_at IS NULL AND owner IS NOT NULL
         UNION ALL
         SELECT (SELECT min(e.owner) FROM cloutagent.executions AS e
                 WHERE e.completed_at IS NULL AND e.owner IS NOT NULL AND e.owner > o.owner)
         FROM owners AS o WHERE o.owner IS NOT NULL
       )
       UPDATE cloutagent.executions SET owner = NULL, idle = false, parked = false, runnable_at = now()
       WHERE completed_at IS NULL AND owner IN (
         SELECT o.owner FROM owners AS o WHERE o.owner IS NOT NULL
           AND NOT EXISTS (SELECT FROM cloutagent.processes AS p WHERE p.identity = o.owner)
           AND pg_try_advisory_xact_lock($1, o.owner::int)
       )`,
      [PROCESS_LOCK],
    );
    return (stranded.rowCount ?? 0) + (orphaned.rowCount ?? 0);
  }

  /**
   * Queues parked executions that neither an open wait nor a pause explains: one of their waits has ended, or a request has
   * arrived, and its statement did not queue them. This should find none; it reads all parked executions.
   * @returns the number of executions
   */
  async sweepParked(): Promise<number> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.executions AS e SET runnable_at = now()
       WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL AND parked AND CASE
         WHEN desired_state = 'pause' THEN status <> 'paused'
         WHEN desired_state = 'run' AND status = 'waiting' THEN NOT EXISTS (
             SELECT FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND NOT w.recorded)
           OR EXISTS (
             SELECT FROM cloutagent.waits AS w
             WHERE w.execution_id = e.id AND NOT w.recorded AND w.outcome IS NOT NULL)
         ELSE true END`,
    );
    return rowCount ?? 0;
  }

  /** Lists unowned executions whose desired state is `cancel` and that have no open children, the deepest first. */
  async cancellable(): Promise<{ id: string; by: string | null; reason: string | null }[]> {
    const { rows } = await this.database.pool.query<{ id: string; by: string | null; reason: string | null }>(
      `SELECT id, desired_state_by AS by, desired_state_reason AS reason FROM cloutagent.executions AS e
       WHERE completed_at IS NULL AND owner IS NULL AND desired_state = 'cancel' AND NOT EXISTS (
         SELECT FROM cloutagent.executions AS c WHERE c.parent_id = e.id AND c.completed_at IS NULL)
       ORDER BY depth DESC LIMIT 100`,
    );
    return rows;
  }
}

/** The part of the candidates that one process of all gets, the oldest first. A single candidate is for any of them. */
const SHARE = `share AS (
    SELECT id FROM candidates ORDER BY runnable_at, id LIMIT ceil(
      (SELECT count(*) FROM candidates)::float8 / (SELECT greatest(1, count(*)) FROM cloutagent.processes))::bigint
  ), `;

/**
 * Finds the projects with queued executions by the index, one by one, and claims as many executions of each as it has free
 * slots. The lock on this process's row excludes a concurrent reclaim: once a reclaim has deleted the row, this statement
 * claims nothing.
 */
const claimStatement = (identity: number, limit: number, perProject: number, isShare: boolean): string => `
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
        WHERE e.project_id = q.project_id AND e.runnable_at <= clock_timestamp() AND e.owner IS NULL
        ORDER BY e.runnable_at, e.id LIMIT greatest(0, least(${limit}, ${perProject} - slots.taken))
      ) AS c
    ORDER BY c.runnable_at, c.id LIMIT ${limit}
  ), ${isShare ? SHARE : ''}free AS (
    SELECT e.id FROM cloutagent.executions AS e WHERE e.id IN (SELECT id FROM ${isShare ? 'share' : 'candidates'})
      AND e.owner IS NULL AND ${isOpen('e.')} AND e.runnable_at IS NOT NULL
    FOR UPDATE SKIP LOCKED
  ), me AS (
    SELECT identity FROM cloutagent.processes WHERE identity = '${identity}' FOR KEY SHARE
  ), claimed AS (
    UPDATE cloutagent.executions AS e
    SET owner = me.identity, attempt = e.attempt + 1, runnable_at = NULL, idle = false
    FROM free, me WHERE e.id = free.id
    RETURNING e.*
  )
  SELECT claimed.*, counts.locked FROM (
    SELECT (SELECT count(*)::int FROM ${isShare ? 'share' : 'candidates'}) - (SELECT count(*)::int FROM free) AS locked
  ) AS counts LEFT JOIN claimed ON true`;

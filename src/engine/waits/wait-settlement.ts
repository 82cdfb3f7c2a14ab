import { Injectable } from '@nestjs/common';
import type { Json, WaitOutcome } from '@cloutagent/contract';
import type pg from 'pg';
import { type Observable, Subject } from 'rxjs';
import { Database } from '../../database/database.js';
import { isOpen } from '../../database/is-open.js';

/** The end of a wait. */
export interface WaitEnd {
  waitId: string;
  outcome: WaitOutcome;
  answer?: Json;
  /** Id of the principal; null if no principal ended it. */
  by: string | null;
}

const LOCK = `
  SELECT FROM cloutagent.executions WHERE id = ANY ($1::uuid[]) AND ${isOpen()} ORDER BY id FOR NO KEY UPDATE`;

// `wakes` changes with every end, so that an owner that leaves the execution at the same time sees the change of the row.
// In the queue a woken execution has the place of its age, before executions that have not begun.
const WAKE = `
  UPDATE cloutagent.executions AS e SET wakes = e.wakes + 1,
    runnable_at = CASE WHEN e.owner IS NULL AND e.desired_state <> 'pause' THEN e.created_at ELSE e.runnable_at END
  WHERE e.id = ANY ($1::uuid[]) AND ${isOpen('e.')}
  RETURNING e.id, e.owner IS NOT NULL AS "isOwned"`;

const END = `
  UPDATE cloutagent.waits AS w SET outcome = n.outcome, answer = n.answer, settled_by = n.by, settled_at = now()
  FROM unnest($1::uuid[], $2::text[], $3::json[], $4::text[]) AS n(id, outcome, answer, by)
  WHERE w.id = n.id AND w.outcome IS NULL
    AND EXISTS (SELECT FROM cloutagent.executions AS e WHERE e.id = w.execution_id AND ${isOpen('e.')})
  RETURNING w.id, w.execution_id`;

/**
 * Ends waits. An end is stored in the wait's row, and wakes the execution, in one transaction. Every transaction locks the
 * rows of executions before those of waits, in the order of their ids, so that no two of them block each other.
 */
@Injectable()
export class WaitSettlement {
  private readonly wokenSubject = new Subject<readonly string[]>();
  /**
   * Emits after the commit of the ends of waits: the ids of those executions that a process owns. The others are queued,
   * unless they are to be paused.
   */
  readonly woken: Observable<readonly string[]> = this.wokenSubject;

  constructor(private readonly database: Database) {}

  /**
   * Locks open executions, runs `work` in the same transaction, and wakes the executions of the waits that it ends.
   * @param work ends waits by `end`; its statements see everything that was committed before the locks were taken
   */
  async transaction<T>(
    executionIds: readonly string[],
    work: (settlement: {
      client: pg.PoolClient;
      end: (ends: readonly WaitEnd[]) => Promise<string[]>;
    }) => Promise<T>,
  ): Promise<T> {
    const woken = new Set<string>();
    let owned: string[] = [];
    const result = await this.database.transaction(async (client) => {
      await client.query({ name: 'executions-lock', text: LOCK, values: [executionIds] });
      const end = async (ends: readonly WaitEnd[]): Promise<string[]> => {
        const ended = await endWaits(client, ends);
        for (const { execution_id } of ended) woken.add(execution_id);
        return ended.map(({ id }) => id);
      };
      const value = await work({ client, end });
      if (woken.size > 0) owned = await wake(client, [...woken]);
      return value;
    });
    if (woken.size > 0) this.wokenSubject.next(owned);
    return result;
  }
}

/** Wakes executions. @returns those that a process owns */
async function wake(client: pg.PoolClient, executionIds: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string; isOwned: boolean }>({
    name: 'executions-wake',
    text: WAKE,
    values: [executionIds],
  });
  return rows.filter(({ isOwned }) => isOwned).map(({ id }) => id);
}

/** Ends those of the waits that are open and whose executions are open. @returns them */
async function endWaits(
  client: pg.PoolClient,
  ends: readonly WaitEnd[],
): Promise<{ id: string; execution_id: string }[]> {
  if (ends.length === 0) return [];
  const { rows } = await client.query<{ id: string; execution_id: string }>({
    name: 'waits-end',
    text: END,
    values: [
      ends.map(({ waitId }) => waitId),
      ends.map(({ outcome }) => outcome),
      ends.map(({ answer }) => (answer === undefined ? null : JSON.stringify(answer))),
      ends.map(({ by }) => by),
    ],
  });
  return rows;
}

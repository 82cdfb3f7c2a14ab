import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Database } from '../database/database.js';

/** SQLSTATEs of lock_not_available and deadlock_detected: another try may succeed. */
const LOCK_FAILURES = new Set(['55P03', '40P01']);
/**
 * How long to wait for the lock on the journal. Appends wait as long as well: the wait ends when the commits that are under
 * way end. It is longer than `deadlock_timeout` (1 s), after which PostgreSQL cancels an autovacuum that is in the way.
 */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_TRIES = 30;
const LOCK_RETRY_MS = 500;

/** Locks the journal against inserts until the transaction ends. Waits for the appends that are under way. */
export async function lockJournal(client: pg.PoolClient): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query('LOCK TABLE cloutagent.events IN SHARE ROW EXCLUSIVE MODE');
}

/**
 * Runs a transaction that calls `lockJournal`, again if it does not get the lock.
 * @throws the database's error, also if the journal could not be locked in about 75 s
 */
export async function withJournalLock<T>(
  database: Database,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await database.transaction(work);
    } catch (error) {
      if (!LOCK_FAILURES.has((error as { code?: string }).code ?? '') || tries === LOCK_TRIES) throw error;
      await sleep(LOCK_RETRY_MS);
    }
  }
}

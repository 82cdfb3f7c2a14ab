import type { Settings } from '../../config/settings.js';
import { type CheckResult, ok, warning } from './check-result.js';
import { doctorClient } from './doctor-client.js';

const CHECK = 'Packing';
/** Executions that are counted at most. */
const MAX_COUNTED = 100_000;
/** Packing is behind if an execution has been due for longer than this. */
const LATE_MS = 3_600_000;

const STATE = `
  SELECT (SELECT count(*)::int FROM (SELECT FROM cloutagent.unpacked_executions
      WHERE completed_at < now() - $1 * interval '1 ms' LIMIT ${MAX_COUNTED}) AS due) AS due,
    (SELECT extract(epoch FROM now() - min(completed_at)) * 1000 - $1 FROM cloutagent.unpacked_executions)::float8 AS "lateMs",
    (SELECT execution_id FROM cloutagent.unpacked_executions ORDER BY completed_at LIMIT 1) AS oldest,
    (SELECT count(*)::int FROM cloutagent.processes WHERE NOT reads_segments) AS "oldProcesses"`;

interface State {
  due: number;
  /** For how long the oldest one has been due; negative if it is not due yet; null without one. */
  lateMs: number | null;
  oldest: string | null;
  oldProcesses: number;
}

/**
 * Checks whether the events of executions that have ended are packed in time.
 * @returns undefined if the database does not say, such as before the first start of a server
 */
export async function checkPacking(settings: Settings): Promise<CheckResult | undefined> {
  if (settings.DATABASE_URL === undefined) return undefined;
  const client = doctorClient(settings, { statement_timeout: settings.DATABASE_QUERY_TIMEOUT_MS });
  try {
    await client.connect();
    const { rows } = await client.query<State>(STATE, [settings.JOURNAL_PACK_AFTER_MS]);
    return resultOf(rows[0]!, settings);
  } catch {
    // The check of the database says what is wrong.
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function resultOf({ due, lateMs, oldest, oldProcesses }: State, settings: Settings): CheckResult {
  const waiting = `the events of ${due === MAX_COUNTED ? 'at least ' : ''}${due} executions are due to be packed`;
  if (due === 0) return ok(CHECK, 'the events of all executions that are due are packed');
  if (oldProcesses > 0)
    return warning(
      CHECK,
      `${waiting}; packing waits until ${oldProcesses} processes of a release before have stopped, because they cannot read packed events`,
    );
  if (settings.JOURNAL_PACK_EVENTS_PER_SECOND === 0)
    return warning(CHECK, `${waiting}; JOURNAL_PACK_EVENTS_PER_SECOND=0 turns packing off`);
  if (lateMs === null || lateMs < LATE_MS) return ok(CHECK, waiting);
  const hours = Math.floor(lateMs / LATE_MS);
  return warning(
    CHECK,
    `${waiting}, execution ${oldest} for ${hours} h. Look for "cannot be packed" in the logs of the servers; if there is nothing, raise JOURNAL_PACK_EVENTS_PER_SECOND`,
  );
}

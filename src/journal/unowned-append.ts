import { Injectable } from '@nestjs/common';
import {
  applyEvent,
  type EventDraft,
  initialState,
  isTerminalEvent,
  type WaitOutcome,
} from '@cloutagent/contract';
import { Database } from '../database/database.js';
import { isOpen } from '../database/is-open.js';
import { encodeEvent } from '../events/encode-event.js';
import { parseEvent } from '../events/event-bus.js';
import { attribution, cutOffSteps } from '../events/end-drafts.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { isSequenceTaken, SequenceTakenError } from './append-errors.js';
import { ExecutionRedactors } from '../secrets/execution-redactors.js';
import { JournalReader } from './journal-reader.js';
import { redactEvents } from './redact.js';

/** The end of an execution that no process owns. */
export interface UnownedEnd {
  /** Id of the principal that cancels it; null if unknown. */
  by: string | null;
  reason: string | null;
}

/** What was written for one execution. */
export interface UnownedEvents {
  executionId: string;
  /** The execution above it; null for a root. */
  parentId: string | null;
  events: RecordedEvent[];
}

/** A wait that has ended, but whose end the journal does not have. */
interface EndedWait {
  id: string;
  outcome: WaitOutcome;
  by: string | null;
}

// The lock on the row excludes an owner that begins at the same time. The check of the sequence excludes an owner that
// has lost the execution and does not know it yet. A child begins in one commit with an event of its parent, so the same
// check, or the primary key of the events, excludes a child that the check for open children does not see. A wait that ends
// at the same time changes `wakes`.
const APPEND = `
  WITH unowned AS (
    SELECT id FROM cloutagent.executions AS e WHERE id = $1 AND owner IS NULL AND ${isOpen()}
      AND NOT EXISTS (SELECT FROM cloutagent.executions AS c WHERE c.parent_id = $1 AND c.completed_at IS NULL)
  ), ended AS (
    UPDATE cloutagent.executions SET status = 'cancelled', completed_at = now(), runnable_at = NULL
    WHERE id = (SELECT id FROM unowned) AND owner IS NULL AND ${isOpen()} AND wakes = $5
      AND ($2::int[])[1] = 1 + coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = $1), 0)
    RETURNING id, parent_id
  ), appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT ended.id, event.* FROM ended, unnest($2::int[], $3::text[], $4::text[]) AS event
  ), waits AS (
    UPDATE cloutagent.waits AS w SET recorded = true, outcome = coalesce(w.outcome, 'cancelled'),
      settled_at = coalesce(w.settled_at, now())
    FROM ended WHERE w.execution_id = ended.id AND NOT w.recorded
  ) SELECT EXISTS (SELECT FROM unowned) AS unowned, EXISTS (SELECT FROM ended) AS done,
    (SELECT parent_id FROM ended) AS "parentId"`;

// An execution without an attempt has no event, no wait and no child.
const CANCEL_UNSTARTED = `
  WITH locked AS MATERIALIZED (
    SELECT id FROM cloutagent.executions
    WHERE id = ANY ($1::uuid[]) AND owner IS NULL AND attempt = 0 AND ${isOpen()}
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
  ), ended AS (
    UPDATE cloutagent.executions AS e SET status = 'cancelled', completed_at = now(), runnable_at = NULL
    FROM locked WHERE e.id = locked.id RETURNING e.id, e.parent_id
  ), appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT ended.id, 1, 'execution:cancelled', event.data
    FROM ended JOIN unnest($1::uuid[], $2::text[]) AS event(id, data) ON event.id = ended.id
  ) SELECT id, parent_id AS "parentId" FROM ended`;

const WAITS = `
  SELECT e.wakes, e.secret_versions AS "secretVersions", w.id, w.outcome, w.settled_by AS by FROM cloutagent.executions AS e
  LEFT JOIN cloutagent.waits AS w ON w.execution_id = e.id AND NOT w.recorded AND w.outcome IS NOT NULL
  WHERE e.id = $1`;
const MAX_TRIES = 5;

/** Writes the ends of executions that no process owns: those that are queued or parked, and children that wait for their turn. */
@Injectable()
export class UnownedAppend {
  constructor(
    private readonly database: Database,
    private readonly reader: JournalReader,
    private readonly redactors: ExecutionRedactors,
  ) {}

  /**
   * Cancels an execution if no process owns it and no child of it is open: its row, its waits and its last events change in
   * one statement.
   * @returns what was written; undefined if nothing was, because a process owns the execution, a child is open, or it has
   * ended
   * @throws SequenceTakenError if an owner that has lost the execution appended during each of several tries
   */
  async write(executionId: string, end: UnownedEnd): Promise<UnownedEvents | undefined> {
    for (let tries = 1; ; tries += 1) {
      const found = await this.eventsOf(executionId, end);
      if (!found) return undefined;
      const { events, wakes } = found;
      try {
        const inserted = await this.insert(executionId, events, wakes);
        return inserted && { executionId, parentId: inserted.parentId, events };
      } catch (error) {
        if (!(error instanceof SequenceTakenError) || tries === MAX_TRIES) throw error;
      }
    }
  }

  /**
   * Cancels those of the executions that no process has ever owned, in one statement.
   * @returns what was written for each of them
   */
  async cancelUnstarted(executionIds: readonly string[], end: UnownedEnd): Promise<UnownedEvents[]> {
    const events = new Map(
      executionIds.map((id) => [
        id,
        redactEvents(this.redactors.of(id), [encodeEvent(id, 1, cancelledEvent(end))]),
      ]),
    );
    const { rows } = await this.database.pool.query<{ id: string; parentId: string | null }>(
      CANCEL_UNSTARTED,
      [[...events.keys()], [...events.values()].map(([event]) => event!.data)],
    );
    return rows.map(({ id, parentId }) => ({ executionId: id, parentId, events: events.get(id)! }));
  }

  /** @returns undefined if the journal has an end that the row does not show; the next owner repairs the row */
  private async eventsOf(
    executionId: string,
    end: UnownedEnd,
  ): Promise<{ events: RecordedEvent[]; wakes: number } | undefined> {
    const { wakes, endedWaits, secretVersions } = await this.readWaits(executionId);
    const { events, lastSequence } = await this.reader.readState(executionId);
    if (events.some(({ type }) => isTerminalEvent(type))) return undefined;
    const state = events.map(parseEvent).reduce(applyEvent, initialState());
    const waitEnds = state.waits.map(({ waitId, nodeId, stepId, kind }): EventDraft => {
      const { outcome = 'cancelled', by = null } = endedWaits.get(waitId) ?? {};
      const fields = { waitId, nodeId, stepId, kind, outcome, ...(by !== null && { by }) };
      return { type: 'execution:wait-ended', fields };
    });
    // Only the reason is text of a caller.
    const { reason } = end;
    const hidden = reason && (await this.redactors.textWithVersions(reason, secretVersions));
    const recorded = [
      ...waitEnds,
      ...cutOffSteps(state),
      cancelledEvent({ ...end, reason: hidden ?? null }),
    ].map((draft, index) => encodeEvent(executionId, lastSequence + 1 + index, draft));
    return { events: redactEvents(this.redactors.of(executionId), recorded), wakes };
  }

  /**
   * Reads the waits whose end has to be recorded, the number that changes when another one ends, and the versions of the
   * secrets that the execution has used.
   */
  private async readWaits(
    executionId: string,
  ): Promise<{ wakes: number; endedWaits: Map<string, EndedWait>; secretVersions: readonly string[] }> {
    const { rows } = await this.database.pool.query<
      { wakes: number; secretVersions: string[] } & (EndedWait | { id: null; outcome: null; by: null })
    >(WAITS, [executionId]);
    const ended = rows.flatMap((row) => (row.id === null ? [] : [[row.id, row] as const]));
    const { wakes = 0, secretVersions = [] } = rows[0] ?? {};
    return { wakes, endedWaits: new Map(ended), secretVersions };
  }

  /** @returns undefined unless the execution was unowned, open and without open children, and has ended now */
  private async insert(
    executionId: string,
    events: readonly RecordedEvent[],
    wakes: number,
  ): Promise<{ parentId: string | null } | undefined> {
    const { rows } = await this.database.pool
      .query<{ unowned: boolean; done: boolean; parentId: string | null }>(APPEND, [
        executionId,
        events.map((event) => event.sequence),
        events.map((event) => event.type),
        events.map((event) => event.data),
        wakes,
      ])
      .catch((error: unknown) => {
        throw isSequenceTaken(error) ? new SequenceTakenError(error) : error;
      });
    const { unowned, done, parentId } = rows[0]!;
    if (!done && unowned) throw new SequenceTakenError();
    return done ? { parentId } : undefined;
  }
}

const cancelledEvent = ({ by, reason }: UnownedEnd): EventDraft => ({
  type: 'execution:cancelled',
  fields: attribution(by, reason),
});

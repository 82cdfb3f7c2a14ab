import { Injectable } from '@nestjs/common';
import { applyEvent, type EventDraft, initialState, isTerminalEvent } from '@cloutagent/contract';
import { SecretRedactor } from '../config/secret-redactor.js';
import { Database } from '../database/database.js';
import { encodeEvent } from '../events/encode-event.js';
import { parseEvent } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { isSequenceTaken, SequenceTakenError } from './append-errors.js';
import { JournalReader } from './journal-reader.js';
import { redactEvents } from './redact.js';

/** The end of an execution that no process owns. */
export interface UnownedEnd {
  /** Id of the principal that cancels it; null if unknown. */
  by: string | null;
  reason: string | null;
}

// The lock on the row excludes an owner that begins at the same time. The check of the sequence excludes an owner that
// has lost the execution and does not know it yet.
const APPEND = `
  WITH unowned AS (
    SELECT id FROM cloutagent.executions WHERE id = $1 AND owner IS NULL AND completed_at IS NULL
  ), ended AS (
    UPDATE cloutagent.executions SET status = 'cancelled', completed_at = now(), runnable_at = NULL
    WHERE id = $1 AND owner IS NULL AND completed_at IS NULL
      AND ($2::int[])[1] = 1 + coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = $1), 0)
    RETURNING id
  ), appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT ended.id, event.* FROM ended, unnest($2::int[], $3::text[], $4::text[]) AS event
  ) SELECT EXISTS (SELECT FROM unowned) AS unowned, EXISTS (SELECT FROM ended) AS done`;
const MAX_TRIES = 5;

/** Writes the ends of executions that no process owns: those that are queued, for the first time or again. */
@Injectable()
export class UnownedAppend {
  constructor(
    private readonly database: Database,
    private readonly reader: JournalReader,
    private readonly secrets: SecretRedactor,
  ) {}

  /**
   * Cancels an execution if no process owns it: its row and its last events change in one statement.
   * @returns the events; undefined if nothing was written because a process owns the execution or it has ended
   * @throws SequenceTakenError if an owner that has lost the execution appended during each of several tries
   */
  async write(executionId: string, end: UnownedEnd): Promise<RecordedEvent[] | undefined> {
    for (let tries = 1; ; tries += 1) {
      const events = await this.eventsOf(executionId, end);
      if (!events) return undefined;
      try {
        return (await this.insert(executionId, events)) ? events : undefined;
      } catch (error) {
        if (!(error instanceof SequenceTakenError) || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** @returns undefined if the journal has an end that the row does not show; the next owner repairs the row */
  private async eventsOf(executionId: string, end: UnownedEnd): Promise<RecordedEvent[] | undefined> {
    const { events, lastSequence } = await this.reader.readState(executionId);
    if (events.some(({ type }) => isTerminalEvent(type))) return undefined;
    const { steps } = events.map(parseEvent).reduce(applyEvent, initialState());
    const cutOff = steps
      .filter((step) => step.status === 'running')
      .map(({ step, stepId, nodeId, nodeType, attempt }): EventDraft => {
        const fields = { step, stepId, nodeId, nodeType, status: 'cancelled' as const, attempt };
        return { type: 'execution:step', fields };
      });
    const { by, reason } = end;
    const cancelled: EventDraft = {
      type: 'execution:cancelled',
      fields: { ...(by !== null && { by }), ...(reason !== null && { reason }) },
    };
    const recorded = [...cutOff, cancelled].map((draft, index) =>
      encodeEvent(executionId, lastSequence + 1 + index, draft),
    );
    return redactEvents(this.secrets, recorded);
  }

  /** @returns whether the execution was unowned and open, and is ended now */
  private async insert(executionId: string, events: readonly RecordedEvent[]): Promise<boolean> {
    const { rows } = await this.database.pool
      .query<{ unowned: boolean; done: boolean }>(APPEND, [
        executionId,
        events.map((event) => event.sequence),
        events.map((event) => event.type),
        events.map((event) => event.data),
      ])
      .catch((error: unknown) => {
        throw isSequenceTaken(error) ? new SequenceTakenError(error) : error;
      });
    const { unowned, done } = rows[0]!;
    if (!done && unowned) throw new SequenceTakenError();
    return done;
  }
}

import { Injectable } from '@nestjs/common';
import { applyEvent, type EventDraft, initialState } from '@cloutagent/contract';
import { Database } from '../database/database.js';
import { EventBus, parseEvent } from '../events/event-bus.js';
import { Announcer } from '../journal/announcer.js';
import { record } from '../journal/journal.js';
import { JournalReader } from '../journal/journal-reader.js';

const UNIQUE_VIOLATION = '23505';
const TRIES = 3;

/** Ends executions that no process owns: those still queued, and those handed back that wait for a place. */
@Injectable()
export class UnownedCancel {
  constructor(
    private readonly database: Database,
    private readonly journal: JournalReader,
    private readonly bus: EventBus,
    private readonly announcer: Announcer,
  ) {}

  /**
   * Takes and ends it in one statement: the row's lock keeps it apart from an owner that begins just now, the
   * sequences from one that lost it and does not know yet.
   * @returns whether it was done; if not, its owner has to
   */
  async cancel(executionId: string, by: string, reason: string | undefined): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.tryCancel(executionId, by, reason);
      } catch (error) {
        if ((error as { code?: string }).code !== UNIQUE_VIOLATION || tries === TRIES) throw error;
      }
    }
  }

  private async tryCancel(executionId: string, by: string, reason: string | undefined): Promise<boolean> {
    // The last sequence first, as a new owner reads it.
    const last = (await this.journal.lastSequences([executionId])).get(executionId) ?? 0;
    const milestones = (await this.journal.milestones([executionId])).get(executionId) ?? [];
    const { steps } = milestones.map(parseEvent).reduce(applyEvent, initialState());
    const cut = steps
      .filter((step) => step.status === 'running')
      .map(({ step, stepId, nodeId, nodeType, attempt }): EventDraft => {
        const fields = { step, stepId, nodeId, nodeType, status: 'skipped' as const, attempt };
        return { type: 'execution:step', fields };
      });
    const end: EventDraft = {
      type: 'execution:cancelled',
      fields: { by, ...(reason !== undefined && { reason }) },
    };
    const events = [...cut, end].map((draft, index) => record(executionId, last + 1 + index, draft));
    const { rowCount } = await this.database.pool.query(
      `WITH taken AS (
         UPDATE cloutagent.executions SET status = 'cancelled', completed_at = now()
         WHERE id = $1 AND owner IS NULL AND completed_at IS NULL RETURNING id
       ) INSERT INTO cloutagent.events (execution_id, sequence, type, data)
         SELECT taken.id, event.* FROM taken, unnest($2::int[], $3::text[], $4::text[]) AS event`,
      [
        executionId,
        events.map((event) => event.sequence),
        events.map((event) => event.type),
        events.map((event) => event.data),
      ],
    );
    if (rowCount === 0) return false;
    this.bus.publish(executionId, events);
    this.announcer.announce(executionId, events.at(-1)!.sequence, true);
    return true;
  }
}

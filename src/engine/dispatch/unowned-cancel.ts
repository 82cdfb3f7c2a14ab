import { Injectable } from '@nestjs/common';
import { applyEvent, type EventDraft, initialState, isTerminalEvent } from '@cloutagent/contract';
import { parseEvent } from '../../events/event-bus.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { SequenceTakenError } from '../../journal/append-errors.js';
import { Journal, record } from '../../journal/journal.js';
import { JournalReader } from '../../journal/journal-reader.js';

const TRIES = 5;

/** Cancels executions that no process owns: those that are queued for the first time or again. */
@Injectable()
export class UnownedCancel {
  constructor(
    private readonly journal: Journal,
    private readonly reader: JournalReader,
  ) {}

  /**
   * Ends the execution, if nobody owns it.
   * @returns whether it was done; if not, its owner has to do it, or it has ended
   */
  async cancel(executionId: string, by: string | null, reason: string | null): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      try {
        const events = await this.eventsOf(executionId, by, reason);
        return events !== undefined && (await this.journal.appendIfUnowned(executionId, events));
      } catch (error) {
        if (!(error instanceof SequenceTakenError) || tries === TRIES) throw error;
      }
    }
  }

  /** @returns nothing when the journal has an end that the row does not show: the next owner repairs that */
  private async eventsOf(
    executionId: string,
    by: string | null,
    reason: string | null,
  ): Promise<RecordedEvent[] | undefined> {
    // The last sequence first, as a new owner reads it.
    const last = (await this.reader.lastSequences([executionId])).get(executionId) ?? 0;
    const milestones = (await this.reader.stateEvents([executionId])).get(executionId) ?? [];
    if (milestones.some(({ type }) => isTerminalEvent(type))) return undefined;
    const { steps } = milestones.map(parseEvent).reduce(applyEvent, initialState());
    const cut = steps
      .filter((step) => step.status === 'running')
      .map(({ step, stepId, nodeId, nodeType, attempt }): EventDraft => {
        const fields = { step, stepId, nodeId, nodeType, status: 'cancelled' as const, attempt };
        return { type: 'execution:step', fields };
      });
    const end: EventDraft = {
      type: 'execution:cancelled',
      fields: { ...(by !== null && { by }), ...(reason !== null && { reason }) },
    };
    return [...cut, end].map((draft, index) => record(executionId, last + 1 + index, draft));
  }
}

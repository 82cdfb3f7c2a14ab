import { Injectable } from '@nestjs/common';
import type { EventPage, ReadEvents } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { parseEvent } from '../../events/event-bus.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { checkId } from '../execution-id.js';
import { ExecutionsRepository } from '../executions.repository.js';

const PAGE_MAX_BYTES = 4_194_304;

/** Reads recorded events by page. */
@Injectable()
export class EventPages {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly journal: JournalReader,
  ) {}

  /**
   * Reads a page of an execution's events, up to the query's limit or 4 MiB.
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async read(executionId: string, query: ReadEvents, principal: Principal): Promise<EventPage> {
    const [head] = await this.repository.findHeads([checkId(executionId)]);
    if (!head || !ownsProject(principal, head.projectId)) throw new NotFoundError();
    const { types, limit } = query;
    const events = await this.journal.read(head.id, query.after, { types, limit, bytes: PAGE_MAX_BYTES });
    const last = events.at(-1);
    const hasMore =
      last !== undefined &&
      (await this.journal.read(head.id, last.sequence, { types, limit: 1, bytes: 1 })).length > 0;
    // Events that are missing because the execution was deleted meanwhile must not look like its last page.
    if (!hasMore && !(await this.journal.exists(head.id))) throw new NotFoundError();
    return {
      events: events.map(parseEvent),
      nextAfter: hasMore ? last.sequence : null,
      lastSequence: head.lastSequence,
    };
  }
}

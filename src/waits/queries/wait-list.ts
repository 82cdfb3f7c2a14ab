import { Injectable } from '@nestjs/common';
import { INBOX_KINDS, type ListWaits, type Wait, type WaitPage } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { checkId } from '../../executions/execution-id.js';
import { decodeCursor, encodeCursor } from '../../executions/queries/list-cursor.js';
import { shownDetails } from '../../engine/waits/shown-details.js';
import { visibleProjects } from '../../executions/visible-projects.js';
import { type ListedWait, ListedWaitsRepository } from './listed-waits.repository.js';

/** How many waits a request with `assignee` looks at. It leaves out those of others, so a page may have few or none. */
const MAX_READ_FOR_ASSIGNEE = 1_000;

/** Lists open waits. */
@Injectable()
export class WaitList {
  constructor(private readonly repository: ListedWaitsRepository) {}

  /**
   * Reads one page of the open waits that the principal may see, oldest first.
   * @throws NotFoundError if the query names a project that is not the principal's
   * @throws ValidationFailedError if the cursor is not valid
   */
  async list(query: ListWaits, principal: Principal): Promise<WaitPage> {
    const { projectId, kind = INBOX_KINDS, assignee, executionId, cursor, limit } = query;
    // One more than the page has, to see whether another page follows.
    const read = assignee === undefined ? limit + 1 : MAX_READ_FOR_ASSIGNEE;
    const found = await this.repository.find({
      projectIds: visibleProjects(principal, projectId),
      kinds: [...new Set(kind)],
      executionId: executionId === undefined ? undefined : checkId(executionId),
      after: cursor === undefined ? undefined : decodeCursor(cursor),
      limit: read,
    });
    const matching = found.filter(
      ({ assignees }) => assignee === undefined || assignees === null || assignees.includes(assignee),
    );
    const page = matching.slice(0, limit);
    const last = matching.length > limit ? page.at(-1) : found.length === read ? found.at(-1) : undefined;
    const rows = await this.repository.read(page.map(({ id }) => id));
    return { waits: rows.map(toWait), nextCursor: last ? encodeCursor(last.id) : null };
  }
}

function toWait(row: ListedWait): Wait {
  return {
    waitId: row.waitId,
    executionId: row.executionId,
    projectId: row.projectId,
    nodeId: row.nodeId,
    stepId: row.stepId,
    kind: row.kind,
    ...shownDetails(row.details),
    ...(row.signal !== null && { signal: row.signal }),
    ...(row.assignees && { assignees: row.assignees }),
    ...(row.until && { until: row.until.toISOString() }),
    since: row.since.toISOString(),
  };
}

import { Injectable } from '@nestjs/common';
import type { ExecutionPage, ExecutionSummary, ListExecutions } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { relationsOf } from '../../engine/execution-row.js';
import { visibleProjects } from '../visible-projects.js';
import { previewOf } from './input-preview.js';
import { decodePosition, encodePosition } from './list-cursor.js';
import type { ListFilter } from './list-statement.js';
import { ListedExecutionsRepository, type ListedRow } from './listed-executions.repository.js';

const ERROR_MAX_LENGTH = 500;

/** Lists executions. */
@Injectable()
export class ExecutionList {
  constructor(private readonly repository: ListedExecutionsRepository) {}

  /**
   * Reads one page of the executions that the principal may see, newest first: by the time of their creation, and by id for the
   * same time. Child executions are shown only if the query names their parent or root, or asks for children. Neither steps
   * nor outputs are read.
   * @throws NotFoundError if the query names a project that is not the principal's
   * @throws ValidationFailedError if the cursor is not valid
   * @throws ProblemError 503 `list_timeout`
   */
  async list(query: ListExecutions, principal: Principal): Promise<ExecutionPage> {
    const { projectId, status, tag, parentId, rootId, rerunOf, children, cursor, limit } = query;
    const { createdAfter, createdBefore } = query;
    const filter: ListFilter = {
      projectIds: visibleProjects(principal, projectId),
      status: status && [...new Set(status)],
      tag,
      parentId,
      rootId,
      rerunOf,
      workflow: query.workflow === undefined ? undefined : workflowOf(query.workflow),
      createdAfter,
      createdBefore,
      withChildren: children === 'true',
      before: cursor === undefined ? undefined : decodePosition(cursor),
      // One more than the page has, to see whether another page follows.
      limit: limit + 1,
    };
    const rows = await this.repository.read(filter);
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return { executions: page.map(toSummary), nextCursor: last ? encodePosition(last) : null };
  }
}

function workflowOf(ref: string): { name: string; version: number | undefined } {
  const [name = '', version] = ref.split('@');
  return { name, version: version === undefined ? undefined : Number(version) };
}

function toSummary(row: ListedRow): ExecutionSummary {
  const { started_at: startedAt, completed_at: completedAt, error } = row;
  return {
    id: row.id,
    projectId: row.project_id,
    status: row.status,
    inputPreview: previewOf(row.input),
    ...(error && { error: { ...error, message: cut(error.message) } }),
    createdAt: row.created_at.toISOString(),
    ...(startedAt && { startedAt: startedAt.toISOString() }),
    ...(completedAt && { completedAt: completedAt.toISOString() }),
    ...(startedAt && completedAt && { duration: completedAt.getTime() - startedAt.getTime() }),
    ...row.summary,
    tags: row.tags,
    ...relationsOf(row),
  };
}

const cut = (message: string): string =>
  message.length > ERROR_MAX_LENGTH ? `${message.slice(0, ERROR_MAX_LENGTH - 1).toWellFormed()}…` : message;

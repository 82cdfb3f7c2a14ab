import { Injectable } from '@nestjs/common';
import type { ListOperations, Operation, OperationPage } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../auth/principal.js';
import { isUuid } from '../common/uuid.js';
import { visibleProjects } from '../executions/visible-projects.js';
import { NotFoundError } from '../problems/problem.error.js';
import { visibleActions } from './operation-access.js';
import { type OperationRow, OperationsRepository } from './operations.repository.js';

/** Shows operations. */
@Injectable()
export class OperationList {
  constructor(private readonly repository: OperationsRepository) {}

  /**
   * Reads an operation with its progress.
   * @throws NotFoundError if it does not exist or is not the principal's
   * @throws ProblemError 403 `insufficient_scope`
   */
  async get(id: string, principal: Principal): Promise<Operation> {
    const actions = visibleActions(principal);
    const row = isUuid(id) ? await this.repository.find(id) : undefined;
    if (!row || !ownsProject(principal, row.project_id) || !actions.includes(row.action))
      throw new NotFoundError('operation');
    return toOperation(row);
  }

  /**
   * Reads a page of operations, newest first.
   * @throws NotFoundError if the query names a project that is not the principal's
   * @throws ProblemError 403 `insufficient_scope`
   */
  async list({ projectId, limit, cursor }: ListOperations, principal: Principal): Promise<OperationPage> {
    const actions = visibleActions(principal);
    const projectIds = visibleProjects(principal, projectId);
    const rows = await this.repository.list(projectIds, actions, cursor, limit + 1);
    const operations = rows.slice(0, limit).map(toOperation);
    return { operations, nextCursor: rows.length > limit ? operations.at(-1)!.id : null };
  }
}

/** Makes the Operation of the API from its row. */
export const toOperation = (row: OperationRow): Operation => ({
  id: row.id,
  action: row.action,
  filter: row.filter,
  status: row.completed_at ? 'completed' : 'running',
  total: row.total,
  succeeded: row.succeeded,
  failed: row.failed,
  failures: row.failures,
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by,
  completedAt: row.completed_at?.toISOString() ?? null,
});

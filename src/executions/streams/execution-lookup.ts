import { Injectable } from '@nestjs/common';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { checkId } from '../execution-id.js';
import { type ExecutionHead, ExecutionsRepository } from '../executions.repository.js';

/** Looks up the executions of streams, in batches: after a restart thousands of streams connect at once. */
@Injectable()
export class ExecutionLookup {
  private readonly heads = new BatchedLookup((ids) => this.read(ids));

  constructor(private readonly repository: ExecutionsRepository) {}

  /**
   * Finds the head of an execution.
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async find(executionId: string, principal: Principal): Promise<ExecutionHead> {
    const head = await this.heads.find(checkId(executionId));
    if (!head || !ownsProject(principal, head.projectId)) throw new NotFoundError();
    return head;
  }

  private async read(ids: readonly string[]): Promise<Map<string, ExecutionHead>> {
    return new Map((await this.repository.findHeads(ids)).map((head) => [head.id, head]));
  }
}

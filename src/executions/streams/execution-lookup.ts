import { Inject, Injectable } from '@nestjs/common';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { ExecutionEngine } from '../../engine/execution-engine.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { checkId } from '../execution-id.js';
import { type ExecutionHead, ExecutionsRepository } from '../executions.repository.js';

/** Looks up the executions of streams, in batches: after a restart thousands of streams connect at once. */
@Injectable()
export class ExecutionLookup {
  private readonly heads = new BatchedLookup((ids) => this.read(ids));

  constructor(
    private readonly repository: ExecutionsRepository,
    @Inject(ExecutionEngine) private readonly engine: ExecutionEngine,
  ) {}

  /**
   * Finds the head of an execution.
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async find(executionId: string, principal: Principal): Promise<ExecutionHead> {
    return visibleTo(principal, await this.heads.find(checkId(executionId)));
  }

  /**
   * Does the same as `find` for a stream after a position. What this process runs needs no query. A client that is ahead of
   * this process, because it has read the newest event elsewhere, is compared with the database.
   */
  async findAfter(executionId: string, after: number, principal: Principal): Promise<ExecutionHead> {
    const running = this.engine.committedHead?.(checkId(executionId));
    if (!running || after > running.lastSequence) return this.find(executionId, principal);
    return visibleTo(principal, running);
  }

  /** Returns the newest committed sequence of an execution that this process runs; undefined if it runs elsewhere or has ended. */
  committedSequence(executionId: string): number | undefined {
    return this.engine.committedHead?.(executionId)?.lastSequence;
  }

  private async read(ids: readonly string[]): Promise<Map<string, ExecutionHead>> {
    return new Map((await this.repository.findHeads(ids)).map((head) => [head.id, head]));
  }
}

function visibleTo(principal: Principal, head: ExecutionHead | undefined): ExecutionHead {
  if (!head || !ownsProject(principal, head.projectId)) throw new NotFoundError();
  return head;
}

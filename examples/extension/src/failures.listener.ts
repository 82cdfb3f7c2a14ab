import type { ExecutionEventOf } from '@cloutagent/contract';
import { OnExecutionEvent } from '@cloutagent/server';
import { Injectable, Logger } from '@nestjs/common';

/** Counts and logs the failed executions of this process. */
@Injectable()
export class Failures {
  private readonly logger = new Logger(Failures.name);
  /** By failure code. */
  readonly counts = new Map<string, number>();

  @OnExecutionEvent('execution:failed')
  count({ executionId, code, nodeId }: ExecutionEventOf<'execution:failed'>): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
    this.logger.warn(`${executionId} failed at ${nodeId ?? 'no node'}: ${code}`);
  }
}

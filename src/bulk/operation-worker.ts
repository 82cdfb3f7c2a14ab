import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { PROBLEM_CODES } from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { coalesce } from '../common/coalesce.js';
import { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { OperationAction } from './operation-action.js';
import { type ItemOutcome, OperationQueue } from './operation-queue.js';
import type { OperationRow } from './operations.repository.js';

/** Executions between two commits of progress. */
const BATCH = 20;
/** Executions on which a process acts at the same time, so that other work finds the database free. */
const CONCURRENCY = 4;
const MS_PER_SECOND = 1_000;

/**
 * Carries operations out in the background: in batches, a batch of each operation in turn, and no faster than
 * MAX_OPERATION_STEPS_PER_SECOND. Every process takes part, and takes over from processes that have died.
 */
@Injectable()
export class OperationWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(OperationWorker.name);
  private readonly stopping = new AbortController();
  private readonly poll = coalesce(() => this.work());
  private timer: NodeJS.Timeout | undefined;
  private deaths: Subscription | undefined;

  constructor(
    private readonly queue: OperationQueue,
    private readonly action: OperationAction,
    private readonly detector: DeathDetector,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'OPERATION_POLL_INTERVAL_MS' | 'MAX_OPERATION_STEPS_PER_SECOND'
    >,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), this.settings.OPERATION_POLL_INTERVAL_MS);
    this.timer.unref();
    this.deaths = this.detector.dead.subscribe(() => this.wake());
    this.wake();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.deaths?.unsubscribe();
    this.stopping.abort();
  }

  /** Begins with the operations that are open, unless it works on them already. */
  wake(): void {
    this.poll().catch((error: Error) => {
      // The database is closed while a batch is under way.
      if (!this.stopping.signal.aborted)
        this.logger.warn(`operations could not be carried out: ${error.message}`);
    });
  }

  private async work(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const operation = await this.queue.claim();
      if (!operation) return;
      const began = performance.now();
      const count = await this.workOn(operation);
      const dueMs = (count / this.settings.MAX_OPERATION_STEPS_PER_SECOND) * MS_PER_SECOND;
      const restMs = Math.max(0, began + dueMs - performance.now());
      await sleep(restMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns the number of executions */
  private async workOn(operation: OperationRow): Promise<number> {
    const batch = Math.min(BATCH, this.settings.MAX_OPERATION_STEPS_PER_SECOND);
    const ids = await this.queue.next(operation.id, batch);
    const isAllowed = await this.action.isAllowed(operation);
    const outcomes: ItemOutcome[] = [];
    for (let start = 0; start < ids.length && !this.stopping.signal.aborted; start += CONCURRENCY) {
      const some = ids.slice(start, start + CONCURRENCY);
      outcomes.push(
        ...(await Promise.all(
          some.map((id) => (isAllowed ? this.action.perform(operation, id) : refused(id))),
        )),
      );
    }
    await this.queue.record(operation.id, outcomes);
    return outcomes.length;
  }
}

const refused = (executionId: string): Promise<ItemOutcome> =>
  Promise.resolve({
    executionId,
    failure: { code: 'invalid_credentials', message: PROBLEM_CODES.invalid_credentials.text },
  });

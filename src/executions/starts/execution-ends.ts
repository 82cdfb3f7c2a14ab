import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { isTerminal, isTerminalEvent } from '@cloutagent/contract';
import type { Subscription } from 'rxjs';
import { coalesce } from '../../common/coalesce.js';
import { Settings } from '../../config/settings.js';
import { EventBus } from '../../events/event-bus.js';
import { NotificationSource } from '../../journal/notification-source.js';
import { Logger } from '../../logging/logger.js';
import { ExecutionsRepository } from '../executions.repository.js';

/**
 * Waits for the ends of executions, whatever process runs them. Commits of this process and notifications of the others end a
 * wait. A poll, which is one query for all waits, finds what notifications have missed.
 */
@Injectable()
export class ExecutionEnds implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ExecutionEnds.name);
  /** Called when the execution has ended, by execution id. */
  private readonly waiting = new Map<string, Set<() => void>>();
  private readonly stopping = new AbortController();
  private readonly poll = coalesce(() => this.checkAll());
  private subscriptions: Subscription[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: EventBus,
    private readonly notifications: NotificationSource,
    private readonly repository: ExecutionsRepository,
    @Inject(Settings) private readonly settings: Pick<Settings, 'JOURNAL_POLL_INTERVAL_MS'>,
  ) {}

  onModuleInit(): void {
    this.subscriptions = [
      this.bus.batches.subscribe(({ executionId, events }) => {
        const last = events.at(-1);
        if (last && isTerminalEvent(last.type)) this.end(executionId);
      }),
      this.notifications.hints.subscribe(({ executionId, statusChanged }) => {
        if (statusChanged && this.waiting.has(executionId)) void this.poll();
      }),
      this.notifications.missed.subscribe(() => void this.poll()),
    ];
    this.timer = setInterval(() => void this.poll(), this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.stopping.abort();
  }

  /**
   * Waits until an execution has ended.
   * @param ms the longest time
   * @param left aborts when the caller does not need the answer any more
   * @returns whether it has ended; false after the time, and when this process stops
   */
  async wait(executionId: string, ms: number, left: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const onEnd = () => resolve(true);
    const giveUp = () => resolve(false);
    const timer = setTimeout(giveUp, ms);
    const signal = AbortSignal.any([left, this.stopping.signal]);
    signal.addEventListener('abort', giveUp, { once: true });
    const waiting = this.waiting.get(executionId) ?? new Set();
    this.waiting.set(executionId, waiting.add(onEnd));
    // It may have ended before it was waited for.
    void this.poll();
    try {
      return signal.aborted ? false : await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      waiting.delete(onEnd);
      if (waiting.size === 0 && this.waiting.get(executionId) === waiting) this.waiting.delete(executionId);
    }
  }

  private async checkAll(): Promise<void> {
    const ids = [...this.waiting.keys()];
    if (ids.length === 0) return;
    try {
      const heads = await this.repository.findHeads(ids);
      for (const { id, status } of heads) if (isTerminal(status)) this.end(id);
    } catch (error) {
      this.logger.warn(`ends of executions could not be read: ${(error as Error).message}`);
    }
  }

  private end(executionId: string): void {
    for (const onEnd of this.waiting.get(executionId) ?? []) onEnd();
  }
}
